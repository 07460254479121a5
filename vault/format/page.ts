import { damaged } from "../errors.ts";
import { fanOut, nameBytes, packIdBytes } from "./constants.ts";

/** A child of a page: its name, and the pack it was in when the page was written (a hint that may be out of date). */
export type Child = { name: Uint8Array; pack: string | undefined };

/** A decoded page. Level 0 holds chunks, level n holds pages of level n − 1. An absent child is all zero. */
export type Page = { readonly level: number; child(slot: number): Child | undefined };

const headBytes = 4;
const bitmapBytes = fanOut / 8;
/** Pack numbers are one byte; 255 says "no hint". */
const noPack = 255;

/** The largest page there can be: every child there, and a full table of packs. */
export const maxPageBytes = headBytes + bitmapBytes + noPack * packIdBytes + fanOut * (nameBytes + 1);

/** Deterministic: equal children with equal hints give equal bytes. Undefined when no child is there: such a page is not stored. */
export function encodePage(level: number, children: ReadonlyArray<Child | undefined>): Buffer | undefined {
	const packNumbers = new Map<string, number>();
	const bitmap = Buffer.alloc(bitmapBytes);
	const names: Uint8Array[] = [];
	const hints: number[] = [];
	for (let slot = 0; slot < fanOut; slot++) {
		const child = children[slot];
		if (child === undefined) continue;
		bitmap[slot >> 3] = (bitmap[slot >> 3] as number) | (1 << (slot & 7));
		names.push(child.name);
		hints.push(numberOf(packNumbers, child.pack));
	}
	if (names.length === 0) return undefined;
	const head = Buffer.from([level, 0, packNumbers.size, 0]);
	const packs = [...packNumbers.keys()].map((id) => Buffer.from(id, "hex"));
	return Buffer.concat([head, bitmap, ...packs, ...names, Buffer.from(hints)]);
}

function numberOf(packNumbers: Map<string, number>, pack: string | undefined): number {
	if (pack === undefined) return noPack;
	const known = packNumbers.get(pack);
	if (known !== undefined) return known;
	if (packNumbers.size === noPack) return noPack;
	packNumbers.set(pack, packNumbers.size);
	return packNumbers.size - 1;
}

/** Reads a page whose bytes were verified already. Throws DAMAGED where they do not make a page of this level. */
export function decodePage(object: string, bytes: Buffer, level: number): Page {
	if (bytes.length < headBytes + bitmapBytes) throw damaged(object, "holds a page that is cut short");
	if (bytes[0] !== level) throw damaged(object, `holds a page of level ${bytes[0]} where level ${level} belongs`);
	const packCount = bytes[2] as number;
	const positions = new Int16Array(fanOut).fill(-1);
	let count = 0;
	for (let slot = 0; slot < fanOut; slot++) {
		if (((bytes[headBytes + (slot >> 3)] as number) >> (slot & 7)) & 1) positions[slot] = count++;
	}
	const packsAt = headBytes + bitmapBytes;
	const namesAt = packsAt + packCount * packIdBytes;
	const hintsAt = namesAt + count * nameBytes;
	if (bytes.length !== hintsAt + count) throw damaged(object, "holds a page whose parts do not add up");
	const packs = Array.from({ length: packCount }, (_, i) => {
		const at = packsAt + i * packIdBytes;
		return bytes.toString("hex", at, at + packIdBytes);
	});
	return {
		level,
		child(slot) {
			const position = positions[slot] ?? -1;
			if (position < 0) return undefined;
			const at = namesAt + position * nameBytes;
			return { name: bytes.subarray(at, at + nameBytes), pack: packs[bytes[hintsAt + position] as number] };
		},
	};
}
