import { randomBytes } from "node:crypto";
import { serialize } from "bson";
import { Failure } from "./failure.ts";
import { type Index, type IndexSpec, idIndexSpec, openIndex } from "./indexing.ts";
import type { DocumentStore } from "./store.ts";
import { readDocument } from "./value.ts";

export type Collection = { id: number; db: string; name: string; uuid: Uint8Array; indexes: Index[] };

export type Catalog = {
	find(db: string, name: string): Collection | undefined;
	/** As `find`, and makes the collection with its `_id` index when there is none. */
	open(db: string, name: string): Collection;
	list(db?: string): Collection[];
	drop(collection: Collection): void;
	addIndex(collection: Collection, spec: IndexSpec): Index;
	dropIndex(collection: Collection, index: Index): void;
	markMultikey(index: Index): void;
	/** To be called when a transaction was rolled back: what was remembered of it may no longer be so. */
	forget(): void;
};

const maxNamespaceBytes = 255;
const maxDatabaseNameBytes = 63;

/** @throws Failure InvalidNamespace; the rules are MongoDB's */
export function checkDatabaseName(db: string): void {
	if (db === "" || Buffer.byteLength(db) > maxDatabaseNameBytes || /[/\\. "$\0]/.test(db))
		throw new Failure("InvalidNamespace", `Invalid database name: '${db}'`);
}

/** @throws Failure InvalidNamespace */
export function checkCollectionName(db: string, name: unknown): asserts name is string {
	checkDatabaseName(db);
	const valid =
		typeof name === "string" &&
		name !== "" &&
		!/[$\0]/.test(name) &&
		!name.startsWith(".") &&
		!name.startsWith("system.") &&
		Buffer.byteLength(`${db}.${name}`) <= maxNamespaceBytes;
	if (!valid) throw new Failure("InvalidNamespace", `Invalid collection name: '${db}.${name}'`);
}

/** Random, version 4. */
function newUuid(): Uint8Array {
	const uuid = randomBytes(16);
	uuid[6] = ((uuid[6] as number) & 0x0f) | 0x40;
	uuid[8] = ((uuid[8] as number) & 0x3f) | 0x80;
	return uuid;
}

/** The collections and indexes, read from the store once and kept in step with it. */
export function openCatalog(store: DocumentStore): Catalog {
	let known: Map<string, Collection> | undefined;

	function load(): Map<string, Collection> {
		const collections = store.collections().map((row) => ({ ...row, indexes: [] as Index[] }));
		const byId = new Map(collections.map((collection) => [collection.id, collection]));
		for (const { id, collectionId, spec, multikey } of store.indexes())
			byId.get(collectionId)?.indexes.push(openIndex(id, readDocument(spec) as unknown as IndexSpec, multikey));
		return new Map(collections.map((collection) => [`${collection.db}.${collection.name}`, collection]));
	}

	const all = () => {
		known ??= load();
		return known;
	};

	function addIndex(collection: Collection, spec: IndexSpec): Index {
		const index = openIndex(store.addIndex(collection.id, serialize(spec)), spec, false);
		collection.indexes.push(index);
		return index;
	}

	return {
		find: (db, name) => all().get(`${db}.${name}`),
		open(db, name) {
			const existing = all().get(`${db}.${name}`);
			if (existing) return existing;
			checkCollectionName(db, name);
			const uuid = newUuid();
			const collection: Collection = { id: store.addCollection(db, name, uuid), db, name, uuid, indexes: [] };
			addIndex(collection, idIndexSpec);
			all().set(`${db}.${name}`, collection);
			return collection;
		},
		list: (db) => [...all().values()].filter((collection) => db === undefined || collection.db === db),
		drop(collection) {
			store.dropCollection(collection.id);
			all().delete(`${collection.db}.${collection.name}`);
		},
		addIndex,
		dropIndex(collection, index) {
			store.dropIndex(index.id);
			collection.indexes.splice(collection.indexes.indexOf(index), 1);
		},
		markMultikey(index) {
			if (index.multikey) return;
			store.markMultikey(index.id);
			index.multikey = true;
		},
		forget: () => {
			known = undefined;
		},
	};
}
