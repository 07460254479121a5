import { badArgument } from "./errors.ts";
import { headerBytes } from "./format/constants.ts";
import { slotStride } from "./workers/sealer.ts";

/** How the memory that a vault may use is divided. */
export type Budget = {
	packBytes: number;
	packBuffers: number;
	slots: number;
	tableBytes: number;
	pageCacheBytes: number;
};

export const defaultMemoryBudgetBytes = 128 * 1024 * 1024;
const minMemoryBudgetBytes = 16 * 1024 * 1024;
/** Large enough that a target far away spends its time on bytes and not on requests; small enough to repeat. */
const defaultPackBytes = 32 * 1024 * 1024;
const mostPackBuffers = 6;
const mostSlots = 64;

/**
 * Half for packs (one is filled while others are sent), a quarter for the names of known chunks (32 bytes each), an
 * eighth for chunks between caller and pack, an eighth for pages. Throws BAD_ARGUMENT below 16 MiB.
 */
export function divideBudget(totalBytes: number, chunkBytes: number, wantedPackBytes = defaultPackBytes): Budget {
	if (!Number.isSafeInteger(totalBytes) || totalBytes < minMemoryBudgetBytes) {
		throw badArgument(`A memory budget of ${totalBytes} bytes is too small: a vault needs ${minMemoryBudgetBytes}.`);
	}
	const packBytes = Math.max(Math.min(wantedPackBytes, totalBytes / 4), headerBytes + 2 * chunkBytes);
	const packBuffers = Math.min(mostPackBuffers, Math.max(2, Math.floor(totalBytes / 2 / packBytes)));
	const slots = Math.min(mostSlots, Math.max(4, Math.floor(totalBytes / 8 / slotStride(chunkBytes))));
	return { packBytes, packBuffers, slots, tableBytes: totalBytes / 4, pageCacheBytes: totalBytes / 8 };
}
