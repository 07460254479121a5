import { fanOut, fanOutBits } from "./constants.ts";

/** Arithmetic of a disk's tree. */

export const chunkCount = (sizeBytes: number, chunkBytes: number) => Math.ceil(sizeBytes / chunkBytes);

/** Level of the top page: the smallest that covers every chunk. 0 = the top page is a leaf. */
export function topLevel(chunks: number): number {
	let level = 0;
	for (let covered = fanOut; covered < chunks; covered *= fanOut) level++;
	return level;
}

/** Pages of a level (or chunks, for level −1) that a disk of so many chunks has. */
export const pagesAt = (level: number, chunks: number) => Math.ceil(chunks / fanOut ** (level + 1));

export const parentOf = (index: number) => Math.floor(index / fanOut);
export const slotOf = (index: number) => index % fanOut;
export const firstChildOf = (index: number) => index * 2 ** fanOutBits;

/** Bytes of one chunk: all have `chunkBytes` but the last. */
export function chunkLength(sizeBytes: number, chunkBytes: number, index: number): number {
	return Math.min(chunkBytes, sizeBytes - index * chunkBytes);
}
