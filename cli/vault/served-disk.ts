import type { Piece, ServedDisk, Stretch } from "#nbd/server/disk.ts";
import type { DiskReader } from "#vault/vault.ts";

/** Chunks in plain that are kept for the small reads of a file system, for all disks together. */
export type ChunkCache = {
	/** The chunk of this key, read once for all who want it now. A failed read is not kept. */
	get(key: string, read: () => Promise<Uint8Array>): Promise<Uint8Array>;
};

export const newChunkCache = (mostChunks: number): ChunkCache => {
	/** Oldest use first. */
	const chunks = new Map<string, Promise<Uint8Array>>();
	return {
		get(key, read) {
			const found = chunks.get(key) ?? read();
			chunks.delete(key);
			chunks.set(key, found);
			found.catch(() => {
				if (chunks.get(key) === found) chunks.delete(key);
			});
			if (chunks.size > mostChunks) chunks.delete(chunks.keys().next().value as string);
			return found;
		},
	};
};

/** A disk of the vault as the NBD server wants it. `key` names the disk in the cache. */
export const servedDisk = (disk: DiskReader, { cache, key }: { cache: ChunkCache; key: string }): ServedDisk => {
	const { sizeBytes, chunkBytes } = disk;

	/** Runs of chunks that touch the range, cut to it. */
	async function* runs(offset: number, length: number) {
		const index = Math.floor(offset / chunkBytes);
		const count = Math.ceil((offset + length) / chunkBytes) - index;
		for await (const run of disk.extents({ index, count })) {
			const start = Math.max(offset, run.index * chunkBytes);
			const end = Math.min(offset + length, (run.index + run.count) * chunkBytes);
			yield { start, end, zero: run.zero };
		}
	}

	async function piece(index: number, offset: number, length: number): Promise<Piece> {
		try {
			const bytes = await cache.get(`${key}:${index}`, () => disk.read(index));
			const from = offset - index * chunkBytes;
			return { kind: "data", offset, length, data: bytes.subarray(from, from + length) };
		} catch (error) {
			return { kind: "damaged", offset, length, why: error instanceof Error ? error.message : String(error) };
		}
	}

	return {
		sizeBytes,
		preferredBytes: chunkBytes,
		async *read(offset, length): AsyncGenerator<Piece> {
			for await (const { start, end, zero } of runs(offset, length)) {
				if (zero) yield { kind: "hole", offset: start, length: end - start };
				for (let at = start; !zero && at < end; ) {
					const index = Math.floor(at / chunkBytes);
					const next = Math.min(end, (index + 1) * chunkBytes);
					yield await piece(index, at, next - at);
					at = next;
				}
			}
		},
		async *status(offset, length): AsyncGenerator<Stretch> {
			for await (const { start, end, zero } of runs(offset, length)) yield { length: end - start, hole: zero };
		},
	};
};
