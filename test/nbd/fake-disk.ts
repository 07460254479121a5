import type { Exports, Piece, ServedDisk } from "#nbd/server/disk.ts";

export const blockBytes = 64 * 1024;

export type FakeDisk = ServedDisk & {
	/** What a client must see. */
	content: Buffer;
	/** Blocks that cannot be read. */
	damaged: Set<number>;
	/** Pieces that were made so far. */
	pieces: number;
};

/** A disk in memory: blocks of data and holes, some of them damaged. */
export const fakeDisk = (blocks: readonly ("data" | "hole")[], sizeBytes = blocks.length * blockBytes): FakeDisk => {
	const content = Buffer.alloc(sizeBytes);
	for (const [i, kind] of blocks.entries()) {
		if (kind === "data")
			for (let at = i * blockBytes; at < sizeBytes && at < (i + 1) * blockBytes; at++)
				content[at] = (at * 7 + i) % 255 || 1;
	}
	const damaged = new Set<number>();
	function* cut(offset: number, length: number) {
		for (let at = offset; at < offset + length; ) {
			const block = Math.floor(at / blockBytes);
			const end = Math.min(offset + length, (block + 1) * blockBytes);
			yield { block, at, length: end - at };
			at = end;
		}
	}
	const disk: FakeDisk = {
		...{ content, damaged, pieces: 0, sizeBytes, preferredBytes: blockBytes },
		async *read(offset, length): AsyncGenerator<Piece> {
			for (const { block, at, length: bytes } of cut(offset, length)) {
				disk.pieces++;
				const range = { offset: at, length: bytes };
				if (damaged.has(block)) yield { kind: "damaged", ...range, why: `Block ${block} is rotten.` };
				else if (blocks[block] === "hole") yield { kind: "hole", ...range };
				else yield { kind: "data", ...range, data: content.subarray(at, at + bytes) };
			}
		},
		async *status(offset, length) {
			for (const { block, length: bytes } of cut(offset, length))
				yield { length: bytes, hole: blocks[block] === "hole" };
		},
	};
	return disk;
};

export const exportsOf = (disks: Record<string, ServedDisk>): Exports => ({
	async *names() {
		yield* Object.keys(disks);
	},
	open: async (name) => disks[name],
});
