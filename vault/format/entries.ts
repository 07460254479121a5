import { damaged } from "../errors.ts";
import { nameBytes, packEntryBytes, type RecordType, recordTypes } from "./constants.ts";

/** One record of a pack, as the pack's own index and the index objects list it. */
export type Entry = {
	name: Uint8Array;
	type: RecordType;
	/** Bytes in the pack. */
	storedBytes: number;
	/** Bytes before compression. */
	plainBytes: number;
};

/** Entries in the order of their records, 28 bytes each; offsets follow from the lengths. Grows as it is appended to. */
export type EntryList = { readonly count: number; append(entry: Entry): void; bytes(): Buffer };

export function newEntryList(): EntryList {
	let buffer = Buffer.alloc(64 * packEntryBytes);
	let count = 0;
	return {
		get count() {
			return count;
		},
		append(entry) {
			const at = count * packEntryBytes;
			if (at === buffer.length) buffer = Buffer.concat([buffer, Buffer.alloc(buffer.length)]);
			buffer.set(entry.name, at);
			buffer.writeUInt32LE(entry.storedBytes, at + nameBytes);
			buffer.writeUInt32LE(entry.type * 2 ** 24 + entry.plainBytes, at + nameBytes + 4);
			count++;
		},
		bytes: () => buffer.subarray(0, count * packEntryBytes),
	};
}

export type PlacedEntry = Entry & { offset: number };

/** Entries with their offsets, which begin at `offset`. Throws DAMAGED on a type that does not exist. */
export function* readEntries(object: string, bytes: Buffer, offset: number): Iterable<PlacedEntry> {
	for (let at = 0; at < bytes.length; at += packEntryBytes) {
		const name = bytes.subarray(at, at + nameBytes);
		const storedBytes = bytes.readUInt32LE(at + nameBytes);
		const last = bytes.readUInt32LE(at + nameBytes + 4);
		const type = last >>> 24;
		if (type !== recordTypes.chunk && type !== recordTypes.page)
			throw damaged(object, `lists a record of type ${type}`);
		yield { name, type, storedBytes, plainBytes: last & 0xffffff, offset };
		offset += storedBytes;
	}
}
