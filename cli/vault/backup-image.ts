import type { DiskWriter, ManifestRef, VaultWriter } from "#vault/vault.ts";
import { chunkRanges, type Extent, type Image } from "./image.ts";

export type BackupImage = {
	image: Image;
	chunkBytes: number;
	base: ManifestRef | undefined;
	/** What has changed since the base; undefined reads the whole image and compares. */
	changed: readonly Extent[] | undefined;
	/** Called with the bytes that were dealt with. */
	progress: (bytes: number) => void;
};

/** Read at once, and how many reads are under way: enough that the disk and the threads never wait for each other. */
const readBytes = 4 * 1024 * 1024;
const reads = 3;

/** Writes one image as a disk of the vault. Memory does not grow with its size. */
export const backupImage = async (writer: VaultWriter, options: BackupImage): Promise<ManifestRef> => {
	const { image, chunkBytes, base, changed, progress } = options;
	const { sizeBytes } = image;
	const disk = await writer.disk({ sizeBytes, ...(base && { base }) });
	const wanted = chunkRanges(changed ?? (await image.dataExtents()), chunkBytes, sizeBytes);
	const chunks = Math.ceil(sizeBytes / chunkBytes);
	if (base !== undefined && changed === undefined) await zeroBetween(disk, wanted, chunks);
	const spans = spansOf(wanted, Math.max(1, Math.floor(readBytes / chunkBytes)));
	await Promise.all(Array.from({ length: reads }, () => readSpans(disk, image, spans, chunkBytes, progress)));
	return disk.finish();
};

/** Holes: with a base they must be said, or the base's chunks would stay. */
const zeroBetween = async (disk: DiskWriter, ranges: { first: number; last: number }[], chunks: number) => {
	let next = 0;
	for (const { first, last } of [...ranges, { first: chunks, last: chunks }]) {
		if (first > next) await disk.zero(next, first - next);
		next = last + 1;
	}
};

function* spansOf(ranges: { first: number; last: number }[], most: number) {
	for (const { first, last } of ranges) {
		for (let at = first; at <= last; at += most) yield { first: at, count: Math.min(most, last - at + 1) };
	}
}

const readSpans = async (
	disk: DiskWriter,
	image: Image,
	spans: Iterable<{ first: number; count: number }>,
	chunkBytes: number,
	progress: (bytes: number) => void,
): Promise<void> => {
	const buffer = Buffer.allocUnsafe(Math.max(chunkBytes, readBytes));
	const zero = Buffer.alloc(chunkBytes);
	// The readers share one iterator: each takes the next span.
	for (const { first, count } of { [Symbol.iterator]: () => spans[Symbol.iterator]() }) {
		const offset = first * chunkBytes;
		const length = Math.min(count * chunkBytes, image.sizeBytes - offset);
		await image.read(offset, buffer.subarray(0, length));
		for (let i = 0; i < count; i++) {
			const chunk = buffer.subarray(i * chunkBytes, Math.min((i + 1) * chunkBytes, length));
			if (chunk.equals(chunk.length === chunkBytes ? zero : zero.subarray(0, chunk.length))) {
				await disk.zero(first + i, 1);
			} else await disk.write(first + i, chunk);
		}
		progress(length);
	}
};
