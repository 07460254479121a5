import type { DiskReader } from "#vault/vault.ts";
import type { DiskSink } from "../sinks/sink.ts";
import type { JobRun } from "./context.ts";
import { crew } from "./crew.ts";

export type DiskRestore = {
	reader: DiskReader;
	sink: DiskSink;
	run: JobRun;
	/** Bytes of the disk that were dealt with, and of those, how many came from the vault. */
	onBytes: (done: number, read: number) => void;
};

/** Runs of data as single chunks, so that members can share them; runs of zeroes as they are. */
async function* pieces(reader: DiskReader): AsyncGenerator<{ index: number; count: number; zero: boolean }> {
	for await (const { index, count, zero } of reader.extents()) {
		if (zero) yield { index, count, zero };
		else for (let at = 0; at < count; at++) yield { index: index + at, count: 1, zero };
	}
}

/**
 * Writes one disk from the vault, front to back with several chunks in flight, and flushes it. The vault verifies each
 * chunk before it hands it over (P5). What lies beyond the snapshot's size is not touched.
 */
export const restoreDisk = async ({ reader, sink, run, onBytes }: DiskRestore): Promise<void> => {
	const { memory, throttle } = run.host;
	const { chunkBytes, sizeBytes } = reader;
	const work = pieces(reader);
	const members = Math.max(2, Math.floor((memory.transfers * memory.transferBytes) / chunkBytes / 2));
	await crew(members, run.signal, async ({ stopped }) => {
		while (!stopped()) {
			const { value: piece, done } = await work.next();
			if (done) return;
			const offset = piece.index * chunkBytes;
			const length = Math.min(piece.count * chunkBytes, sizeBytes - offset);
			if (piece.zero) {
				await sink.zero(offset, length);
				onBytes(length, 0);
				continue;
			}
			await throttle(length, run.signal);
			await sink.write(offset, await reader.read(piece.index));
			onBytes(length, length);
		}
	});
	await sink.flush();
};
