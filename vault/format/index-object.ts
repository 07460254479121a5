import { damaged } from "../errors.ts";
import { maxPackEntries, packEntryBytes, packIdBytes } from "./constants.ts";

/** An index object says which records are in which packs. It is written only after those packs are durable. */
export type IndexedPack = { id: string; entries: Uint8Array };

const sectionHeadBytes = packIdBytes + 4;

export function encodeIndex(packs: readonly IndexedPack[]): Buffer {
	const parts: Uint8Array[] = [uint32(packs.length)];
	for (const pack of packs) {
		parts.push(Buffer.from(pack.id, "hex"), uint32(pack.entries.length / packEntryBytes), pack.entries);
	}
	return Buffer.concat(parts);
}

/** Throws DAMAGED where the counts and the length do not agree. */
export function decodeIndex(object: string, body: Buffer): IndexedPack[] {
	if (body.length < 4) throw damaged(object, "is too short to be an index");
	const packs: IndexedPack[] = [];
	let at = 4;
	for (let left = body.readUInt32LE(0); left > 0; left--) {
		if (at + sectionHeadBytes > body.length) throw damaged(object, "lists more packs than it holds");
		const id = body.toString("hex", at, at + packIdBytes);
		const count = body.readUInt32LE(at + packIdBytes);
		at += sectionHeadBytes;
		const end = at + count * packEntryBytes;
		if (count > maxPackEntries || end > body.length) throw damaged(object, "lists more records than it holds");
		packs.push({ id, entries: body.subarray(at, end) });
		at = end;
	}
	if (at !== body.length) throw damaged(object, "holds more bytes than it lists");
	return packs;
}

function uint32(value: number): Buffer {
	const bytes = Buffer.alloc(4);
	bytes.writeUInt32LE(value);
	return bytes;
}
