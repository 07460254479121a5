import { execFile } from "node:child_process";
import type { FileHandle } from "node:fs/promises";
import { open } from "node:fs/promises";
import { promisify } from "node:util";
import { Failure, usage } from "../failure.ts";

/** Ranges of a disk in bytes. */
export type Extent = { offset: number; length: number };

/** A disk image, open for reading. Reads may be made concurrently. */
export type Image = {
	readonly path: string;
	/** Of the disk in it. */
	readonly sizeBytes: number;
	/** Fills all of `target` with the disk's bytes at `offset`. */
	read(offset: number, target: Uint8Array): Promise<void>;
	/** Where data is, ascending and apart; what is between reads as zero. */
	dataExtents(): Promise<Extent[]>;
	close(): Promise<void>;
};

export const imageFormats = ["raw", "qcow2"] as const;

const run = promisify(execFile);
const longestMs = 10 * 60_000;
const mostOutputBytes = 512 * 1024 * 1024;

/**
 * Opens an image or a block device. A format is believed only when it was said: who writes a raw disk also writes what it
 * looks like, and a qcow2 header can name any file of this host as its backing file. Throws a sentence.
 */
export const openImage = async (path: string, format: string | undefined): Promise<Image> => {
	if (format !== undefined && !(imageFormats as readonly string[]).includes(format)) {
		throw usage(`There is no image format "${format}"; there are ${imageFormats.join(", ")}.`);
	}
	if (format === "qcow2") return (await import("./qcow2-image.ts")).openQcow2(path);
	let handle: FileHandle;
	try {
		handle = await open(path, "r");
	} catch (error) {
		throw new Failure(`The image ${path} cannot be opened: ${(error as Error).message}.`, undefined, { cause: error });
	}
	const magic = Buffer.alloc(4);
	await handle.read(magic, 0, 4, 0);
	if (format === undefined && magic.toString("latin1") === "QFI\u00fb") {
		await handle.close();
		const sentence = `${path} looks like a qcow2 image. If you trust it, say --image-format qcow2; if it is a raw disk all the same, say raw.`;
		throw new Failure(sentence);
	}
	return rawImage(path, handle, await sizeOf(handle, path));
};

const rawImage = (path: string, handle: FileHandle, sizeBytes: number): Image => ({
	path,
	sizeBytes,
	async read(offset, target) {
		for (let done = 0; done < target.length; ) {
			const { bytesRead } = await handle.read(target, done, target.length - done, offset + done);
			if (bytesRead === 0) throw new Failure(`${path} became shorter while it was read; nothing was kept.`);
			done += bytesRead;
		}
	},
	async dataExtents() {
		try {
			const map = ["map", "--output=json", "-f", "raw", path];
			const { stdout } = await run("qemu-img", map, { timeout: longestMs, maxBuffer: mostOutputBytes });
			const entries = JSON.parse(stdout) as MapEntry[];
			return entries.filter(({ data, zero }) => data && !zero).map(({ start, length }) => ({ offset: start, length }));
		} catch {
			// Without qemu-img, or where it cannot tell, all is read.
			return [{ offset: 0, length: sizeBytes }];
		}
	},
	close: () => handle.close(),
});

type MapEntry = { start: number; length: number; data: boolean; zero: boolean };

/** In bytes, of a file or of a block device, which has no size of its own in `stat`. */
export const sizeOf = async (handle: FileHandle, path: string): Promise<number> => {
	const info = await handle.stat();
	if (info.isFile()) return info.size;
	const { stdout } = await run("blockdev", ["--getsize64", path], { timeout: longestMs });
	return Number(stdout);
};

/** Whole chunks that the extents touch, as ranges of chunk numbers. */
export const chunkRanges = (
	extents: readonly Extent[],
	chunkBytes: number,
	sizeBytes: number,
): { first: number; last: number }[] => {
	const ranges: { first: number; last: number }[] = [];
	for (const { offset, length } of extents.toSorted((one, other) => one.offset - other.offset)) {
		if (length <= 0 || offset >= sizeBytes) continue;
		const first = Math.floor(offset / chunkBytes);
		const last = Math.floor((Math.min(offset + length, sizeBytes) - 1) / chunkBytes);
		const before = ranges.at(-1);
		if (before !== undefined && first <= before.last + 1) before.last = Math.max(before.last, last);
		else ranges.push({ first, last });
	}
	return ranges;
};
