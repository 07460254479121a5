import { headerBytes } from "../format/constants.ts";
import { type Entry, newEntryList } from "../format/entries.ts";
import { newPackId, packHeader, packTail } from "../format/pack.ts";
import type { Keyring } from "../keyring.ts";
import type { Account } from "./account.ts";

/** A pack that is being filled. */
export type PackBuilder = {
	readonly id: string;
	/** The catalog's number for it. */
	readonly number: number;
	/** Everyone who relies on a record in it. */
	readonly accounts: Set<Account>;
	readonly count: number;
	readonly usedBytes: number;
	hasRoom(recordBytes: number): boolean;
	/** Copies the record in and returns its offset. */
	append(entry: Entry, record: Uint8Array): number;
	entries(): Buffer;
	/** The whole object, in parts. Nothing may be appended any more. */
	finish(): Uint8Array[];
};

/** Keeps the index of a pack of tiny records within what a reader takes in one read. */
const maxRecords = 1 << 16;

export type PackBuilderOptions = {
	keyring: Keyring;
	number: (id: string) => number;
	/** Where the records go; its size bounds the pack. */
	buffer: Uint8Array;
};

export function newPackBuilder({ keyring, number, buffer }: PackBuilderOptions): PackBuilder {
	const id = newPackId();
	const list = newEntryList();
	let used = headerBytes;
	buffer.set(packHeader(keyring, id), 0);
	return {
		id,
		number: number(id),
		accounts: new Set(),
		get count() {
			return list.count;
		},
		get usedBytes() {
			return used;
		},
		hasRoom: (recordBytes) => used + recordBytes <= buffer.length && list.count < maxRecords,
		append(entry, record) {
			const offset = used;
			buffer.set(record, offset);
			list.append(entry);
			used += record.length;
			return offset;
		},
		entries: () => list.bytes(),
		finish: () => [buffer.subarray(0, used), packTail(keyring, id, list.bytes(), used)],
	};
}
