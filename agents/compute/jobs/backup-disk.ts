import type { DiskWriter, ManifestRef } from "#vault/vault.ts";
import type { DiskSource } from "../sources/source.ts";
import type { JobRun } from "./context.ts";
import { crew } from "./crew.ts";
import { chunkSpans } from "./spans.ts";

export type DiskBackup = {
	source: DiskSource;
	writer: DiskWriter;
	chunkBytes: number;
	run: JobRun;
	/** Bytes of the disk that were dealt with, and of those, how many were read from it. */
	onBytes: (done: number, read: number) => void;
};

/**
 * Copies one disk into the vault: what is allocated is read, the rest is told to be zero, so that every chunk is
 * mentioned and nothing of a base shows through. Ends with the source's own check; a disk that changed under the read
 * is never finished.
 */
export const backupDisk = async (backup: DiskBackup): Promise<{ manifest: ManifestRef; allocatedBytes: number }> => {
	const { source, writer, chunkBytes, run, onBytes } = backup;
	const { memory, throttle } = run.host;
	const { sizeBytes } = source;
	const maxChunks = Math.max(1, Math.floor(memory.transferBytes / chunkBytes));
	let allocatedBytes = 0;
	// Members share the iterator: an async generator answers one `next` after the other.
	const spans = chunkSpans(source.extents(), { sizeBytes, chunkBytes, maxChunks }, (bytes) => {
		allocatedBytes += bytes;
	});

	await crew(memory.transfers, run.signal, async ({ stopped }) => {
		const buffer = Buffer.allocUnsafeSlow(maxChunks * chunkBytes);
		while (!stopped()) {
			const { value: span, done } = await spans.next();
			if (done) return;
			const offset = span.index * chunkBytes;
			const length = Math.min(span.count * chunkBytes, sizeBytes - offset);
			if (span.zero) {
				await writer.zero(span.index, span.count);
				onBytes(length, 0);
				continue;
			}
			await throttle(length, run.signal);
			const bytes = buffer.subarray(0, length);
			await source.read(offset, bytes);
			await Promise.all(
				Array.from({ length: span.count }, (_, at) =>
					writer.write(span.index + at, bytes.subarray(at * chunkBytes, Math.min((at + 1) * chunkBytes, length))),
				),
			);
			onBytes(length, length);
		}
	});
	await source.check();
	return { manifest: await writer.finish(), allocatedBytes };
};
