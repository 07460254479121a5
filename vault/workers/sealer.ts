import { tableHas } from "../catalog/table.ts";
import { nameBytes, recordOverheadBytes, recordTypes } from "../format/constants.ts";
import { newLane, sealRecord } from "../format/record.ts";
import { type KeyringSeed, makeKeyring } from "../keyring.ts";

/** Shared by the thread that hands out chunks and those that seal them: a number of slots of equal size. */
export type SlotMemory = { memory: SharedArrayBuffer; chunkBytes: number };

export type SealerOptions = SlotMemory & { seed: KeyringSeed; compressionLevel: number };

/** `length` bytes of plain chunk lie in the slot. `force` seals even what the table seems to have. */
export type SealJob = { slot: number; length: number; force: boolean };

/** Sealed bytes in the slot's second part; 0 when the table has the name, so that nothing was sealed. */
export type SealResult = { slot: number; storedBytes: number };

export const slotStride = (chunkBytes: number) => 2 * chunkBytes + 128;

export function slotViews({ memory, chunkBytes }: SlotMemory, slot: number) {
	const at = slot * slotStride(chunkBytes);
	const sealedAt = at + chunkBytes;
	return {
		plain: (length: number) => new Uint8Array(memory, at, length),
		sealed: (length: number) => new Uint8Array(memory, sealedAt, length),
		name: () => new Uint8Array(memory, sealedAt + chunkBytes + recordOverheadBytes, nameBytes),
	};
}

/** Names, compresses and seals chunks in their slots. The same code runs in a thread and inline. */
export function newSealer(options: SealerOptions) {
	const keyring = makeKeyring(options.seed);
	const lane = newLane(keyring);
	let table: SharedArrayBuffer | undefined;
	return {
		useTable(memory: SharedArrayBuffer) {
			table = memory;
		},
		seal({ slot, length, force }: SealJob): SealResult {
			const views = slotViews(options, slot);
			const plain = views.plain(length);
			const name = keyring.name(recordTypes.chunk, plain);
			views.name().set(name);
			if (!force && table !== undefined && tableHas(table, name)) return { slot, storedBytes: 0 };
			const out = views.sealed(options.chunkBytes + recordOverheadBytes);
			const how = { type: recordTypes.chunk, name, compressionLevel: options.compressionLevel };
			return { slot, storedBytes: sealRecord(keyring, lane, how, plain, out) };
		},
	};
}
