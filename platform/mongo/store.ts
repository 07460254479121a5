/**
 * What the engine needs of a storage: rows of bytes, and index entries in byte order. It knows nothing of BSON.
 * Everything is synchronous, and one thread uses it, so a claim needs no lock beyond the transaction.
 */

export type StoredCollection = { id: number; db: string; name: string; uuid: Uint8Array };
/** `spec` is the index definition as its owner wrote it; `multikey` says that a document has had several entries. */
export type StoredIndex = { id: number; collectionId: number; spec: Uint8Array; multikey: boolean };
/** One document found through an index, or with an empty key by a scan. `seq` grows with insertion. */
export type Row = { key: Uint8Array; seq: number; document: Uint8Array };
export type Entry = { indexId: number; key: Uint8Array };
/** Keys from `from` up to but without `to`; undefined is unbounded. */
export type KeyRange = { from?: Uint8Array | undefined; to?: Uint8Array | undefined };
/** The last row already seen: the next one is strictly behind it in the direction of travel. */
export type Position = { key: Uint8Array; seq: number };

export type DocumentStore = {
	/**
	 * Runs the work in a transaction; when it returns, an outermost one is on disk (fsync), a nested one is part of
	 * its outer. When the work throws, nothing of it remains.
	 */
	transaction<T>(work: () => T): T;
	/** False after the storage rolled everything back by itself (disk full, I/O error): nothing of it may be acknowledged. */
	inTransaction(): boolean;

	collections(): StoredCollection[];
	addCollection(db: string, name: string, uuid: Uint8Array): number;
	/** Removes the collection with its documents, indexes and entries. */
	dropCollection(collectionId: number): void;
	indexes(): StoredIndex[];
	addIndex(collectionId: number, spec: Uint8Array): number;
	dropIndex(indexId: number): void;
	markMultikey(indexId: number): void;

	insert(collectionId: number, document: Uint8Array): number;
	replace(seq: number, document: Uint8Array): void;
	remove(seq: number): void;
	addEntry(entry: Entry, seq: number): void;
	removeEntry(entry: Entry, seq: number): void;
	/** The first document that has this key. */
	holder(entry: Entry): number | undefined;

	/** At most `limit` rows of an index range in key order, then insertion order; both reversed when `reverse`. */
	rows(indexId: number, range: KeyRange, after: Position | undefined, reverse: boolean, limit: number): Row[];
	/** At most `limit` rows of a collection in insertion order. */
	scan(collectionId: number, afterSeq: number, limit: number): Row[];
	count(collectionId: number): number;
	/** How many entries an index has, for checking. */
	countEntries(indexId: number): number;
	/** Bytes the database takes on disk. */
	sizeBytes(): number;
	close(): void;
};
