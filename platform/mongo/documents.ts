import type { Catalog, Collection } from "./catalog.ts";
import { Failure } from "./failure.ts";
import { type Index, isUnique, keysOf } from "./indexing.ts";
import { leavesAt } from "./path.ts";
import type { DocumentStore, Entry } from "./store.ts";
import { type Fields, readDocument, type Value, writeDocument } from "./value.ts";

export type Engine = { store: DocumentStore; catalog: Catalog };

type IndexKeys = { index: Index; keys: Buffer[]; multikey: boolean };

const keysInAll = (collection: Collection, document: Fields): IndexKeys[] =>
	collection.indexes.map((index) => ({ index, ...keysOf(index, document) }));

function duplicate(collection: Collection, index: Index, document: Fields): Failure {
	const keyValue: Record<string, Value> = {};
	for (const { path, parts } of index.fields) keyValue[path] = leavesAt(document, parts)[0]?.value ?? null;
	const shown = JSON.stringify(keyValue);
	return new Failure(
		"DuplicateKey",
		`E11000 duplicate key error collection: ${collection.db}.${collection.name} index: ${index.spec.name} dup key: ${shown}`,
		{ keyPattern: index.spec.key, keyValue },
	);
}

/** All checks come before the first write, so a refused document leaves nothing behind. */
function checkUnique(
	store: DocumentStore,
	collection: Collection,
	document: Fields,
	all: readonly IndexKeys[],
	own?: number,
): void {
	for (const { index, keys } of all) {
		if (!isUnique(index.spec)) continue;
		for (const key of keys) {
			const holder = store.holder({ indexId: index.id, key });
			if (holder !== undefined && holder !== own) throw duplicate(collection, index, document);
		}
	}
}

/** @throws Failure DuplicateKey, BSONObjectTooLarge; then nothing was written */
export function insertDocument({ store, catalog }: Engine, collection: Collection, document: Fields): void {
	const bytes = writeDocument(document);
	const all = keysInAll(collection, document);
	checkUnique(store, collection, document, all);
	const seq = store.insert(collection.id, bytes);
	for (const { index, keys, multikey } of all) {
		if (multikey) catalog.markMultikey(index);
		for (const key of keys) store.addEntry({ indexId: index.id, key }, seq);
	}
}

const entryName = ({ indexId, key }: Entry) => `${indexId}:${Buffer.from(key).toString("latin1")}`;

function entriesOf(all: readonly IndexKeys[]): Map<string, Entry> {
	const entries = all.flatMap(({ index, keys }) => keys.map((key): Entry => ({ indexId: index.id, key })));
	return new Map(entries.map((entry) => [entryName(entry), entry]));
}

/**
 * Stores `after` in the place of `before`.
 * @returns false when they are the same bytes and nothing was written
 * @throws Failure DuplicateKey, BSONObjectTooLarge; then nothing was written
 */
export function replaceDocument(
	{ store, catalog }: Engine,
	collection: Collection,
	{ seq, document: before }: { seq: number; document: Fields },
	after: Fields,
): boolean {
	const bytes = writeDocument(after);
	if (Buffer.compare(bytes, writeDocument(before)) === 0) return false;
	const all = keysInAll(collection, after);
	checkUnique(store, collection, after, all, seq);
	store.replace(seq, bytes);
	const old = entriesOf(keysInAll(collection, before));
	const fresh = entriesOf(all);
	for (const { index, multikey } of all) if (multikey) catalog.markMultikey(index);
	for (const [name, entry] of old) if (!fresh.has(name)) store.removeEntry(entry, seq);
	for (const [name, entry] of fresh) if (!old.has(name)) store.addEntry(entry, seq);
	return true;
}

export function removeDocument(
	{ store }: Engine,
	collection: Collection,
	{ seq, document }: { seq: number; document: Fields },
): void {
	for (const entry of entriesOf(keysInAll(collection, document)).values()) store.removeEntry(entry, seq);
	store.remove(seq);
}

const pageRows = 512;

/** Every document of a collection with its place, in insertion order. */
export function* everyDocument(
	store: DocumentStore,
	collection: Collection,
): Generator<{ seq: number; document: Fields }> {
	for (let after = 0; ; ) {
		const rows = store.scan(collection.id, after, pageRows);
		for (const { seq, document } of rows) yield { seq, document: readDocument(document) };
		if (rows.length < pageRows) return;
		after = rows.at(-1)?.seq ?? after;
	}
}

/** Fills a new index from the documents there are; part of the caller's transaction. @throws Failure DuplicateKey */
export function fillIndex({ store, catalog }: Engine, collection: Collection, index: Index): void {
	for (const { seq, document } of everyDocument(store, collection)) {
		const keys = { index, ...keysOf(index, document) };
		checkUnique(store, collection, document, [keys]);
		if (keys.multikey) catalog.markMultikey(index);
		for (const key of keys.keys) store.addEntry({ indexId: index.id, key }, seq);
	}
}

/** Compares every index with what its documents say. @returns one sentence for each disagreement */
export function checkCollection({ store }: Engine, collection: Collection): string[] {
	const expected = new Map(collection.indexes.map((index) => [index, 0]));
	const errors: string[] = [];
	for (const { seq, document } of everyDocument(store, collection)) {
		for (const { index, keys, multikey } of keysInAll(collection, document)) {
			expected.set(index, (expected.get(index) ?? 0) + keys.length);
			if (multikey && !index.multikey) errors.push(`Index ${index.spec.name} does not know that it holds arrays.`);
			for (const key of keys) {
				const at = { key, seq: seq - 1 };
				const [row] = store.rows(index.id, { from: key }, at, false, 1);
				if (row?.seq !== seq || Buffer.compare(row.key, key) !== 0)
					errors.push(`Index ${index.spec.name} lacks the document ${JSON.stringify(document._id)}.`);
			}
		}
	}
	for (const [index, entries] of expected)
		if (store.countEntries(index.id) !== entries)
			errors.push(`Index ${index.spec.name} has ${store.countEntries(index.id)} entries instead of ${entries}.`);
	return errors;
}
