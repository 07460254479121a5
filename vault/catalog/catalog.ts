import { isVaultError, type VaultError } from "../errors.ts";
import { headerBytes, objectTypes } from "../format/constants.ts";
import { openDocument } from "../format/documents.ts";
import { readEntries } from "../format/entries.ts";
import { openObject } from "../format/envelope.ts";
import { decodeIndex, type IndexedPack } from "../format/index-object.ts";
import { folders } from "../format/names.ts";
import type { Keyring } from "../keyring.ts";
import type { Target } from "../target.ts";
import { isReadable, isReusable, newPackRegistry, type PackRegistry } from "./packs.ts";
import { newTable, type Place, type Table } from "./table.ts";

/** What this process knows of the vault's records: filled from index objects and by its own writers. */
export type Catalog = {
	readonly packs: PackRegistry;
	readonly table: Table;
	/** Where a record that a new snapshot may rely on lies. */
	reusable(name: Uint8Array): Place | undefined;
	/** Where a readable record lies, as far as is known without asking the target. */
	known(name: Uint8Array): Place | undefined;
	/** The same, asking the target: index objects newest first, until the name turns up. Undefined when none has it. */
	find(name: Uint8Array): Promise<Place | undefined>;
	/**
	 * Brings the catalog up to date for a new writer: bars what collections condemned, then reads every index object.
	 * To be called after the writer's session is durable: docs/format.md, "Collection", shows why this order is safe.
	 */
	refresh(): Promise<void>;
	/** Takes note of an index object that this process wrote, and of whether all its names are in the table. */
	wrote(key: string, whole: boolean): void;
	/** Adds the entries of a pack. False when the table's budget could not take them all. */
	add(pack: IndexedPack, state: "durable" | "stored"): boolean;
};

export type CatalogOptions = {
	target: Target;
	keyring: Keyring;
	tableBudgetBytes: number;
	onGrow: (memory: SharedArrayBuffer) => void;
};

/** Decoded index objects that are kept when the table cannot hold everything. */
const keptObjects = 4;

export function newCatalog({ target, keyring, tableBudgetBytes, onGrow }: CatalogOptions): Catalog {
	const packs = newPackRegistry();
	const table = newTable(tableBudgetBytes, onGrow);
	/** Index objects by key: wholly in the table, or only in part (the budget was used up). */
	const loaded = new Map<string, "whole" | "part">();
	const unloaded: string[] = [];
	const condemnedRead = new Set<string>();
	const kept = new Map<string, IndexedPack[]>();
	/** The first index object that did not read: whatever is not found may have been in it. */
	let damage: VaultError | undefined;
	/** One change at a time: two refreshes, or a refresh and a find, would trip over each other's lists. */
	let turn: Promise<unknown> = Promise.resolve();
	const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
		const result = turn.then(work);
		turn = result.catch(() => {});
		return result;
	};

	function place(name: Uint8Array): Place | undefined {
		const slot = table.find(name);
		return slot < 0 ? undefined : table.at(slot);
	}

	function known(name: Uint8Array): Place | undefined {
		const found = place(name);
		return found !== undefined && isReadable(packs.state(found.pack)) ? found : undefined;
	}

	/** False when some entry did not fit. */
	function add(pack: IndexedPack, state: "durable" | "stored"): boolean {
		const number = packs.number(pack.id, state);
		if (packs.state(number) !== "barred") packs.setState(number, state);
		let whole = true;
		for (const entry of readEntries(pack.id, Buffer.from(pack.entries), headerBytes)) {
			const before = place(entry.name);
			if (before !== undefined && isReusable(packs.state(before.pack))) continue;
			const { offset, storedBytes } = entry;
			if (!table.set(entry.name, { pack: number, offset, storedBytes })) whole = false;
		}
		return whole;
	}

	async function fetch(key: string): Promise<IndexedPack[] | undefined> {
		try {
			return decodeIndex(key, openObject(keyring, objectTypes.index, key, await target.get(key)));
		} catch (error) {
			// Merged into another one since it was listed; the next list shows that one.
			if (isVaultError(error, "NOT_FOUND")) return undefined;
			// What others list stays readable; the records of this one are found by hints, or stored again.
			if (!isVaultError(error, "DAMAGED")) throw error;
			damage ??= error;
			return [];
		}
	}

	async function load(key: string): Promise<void> {
		const decoded = await fetch(key);
		if (decoded === undefined) return;
		let whole = true;
		for (const pack of decoded) whole = add(pack, "stored") && whole;
		loaded.set(key, whole ? "whole" : "part");
	}

	/** Reads the list of index objects. If one that was loaded is gone, what it said may be gone too: begin anew. */
	async function relist(): Promise<void> {
		const listed = new Set<string>();
		for await (const { key } of target.list(folders.index)) listed.add(key);
		if ([...loaded.keys()].some((key) => !listed.has(key))) {
			loaded.clear();
			kept.clear();
			packs.forgetStored();
		}
		unloaded.length = 0;
		for (const key of listed) if (!loaded.has(key)) unloaded.push(key);
	}

	/** One that goes between list and read was replaced, by one that an earlier list may not show: list again. */
	async function bar(): Promise<void> {
		for (let again = true; again; ) {
			again = false;
			for await (const { key } of target.list(folders.condemned)) {
				if (condemnedRead.has(key)) continue;
				try {
					const document = openDocument(keyring, "condemned", key, await target.get(key));
					for (const id of document.packs) packs.bar(id);
					condemnedRead.add(key);
				} catch (error) {
					if (!isVaultError(error, "NOT_FOUND")) throw error;
					again = true;
				}
			}
		}
	}

	async function search(name: Uint8Array): Promise<Place | undefined> {
		for (const [key, extent] of loaded) {
			if (extent === "whole") continue;
			const decoded = kept.get(key) ?? (await fetch(key)) ?? [];
			kept.delete(key);
			kept.set(key, decoded);
			if (kept.size > keptObjects) kept.delete(kept.keys().next().value as string);
			const found = searchPacks(decoded, name);
			if (found !== undefined) {
				const pack = packs.number(found.id, "stored");
				if (isReadable(packs.state(pack))) return { pack, offset: found.offset, storedBytes: found.storedBytes };
			}
		}
		return undefined;
	}

	async function findInTurn(name: Uint8Array): Promise<Place | undefined> {
		for (let listed = false; ; listed = true) {
			for (;;) {
				const found = known(name);
				if (found !== undefined) return found;
				const next = unloaded.pop();
				if (next === undefined) break;
				await load(next);
			}
			const found = await search(name);
			if (found !== undefined) return found;
			if (listed && damage !== undefined) throw damage;
			if (listed) return undefined;
			await relist();
		}
	}

	return {
		packs,
		table,
		known,
		reusable(name) {
			const found = place(name);
			return found !== undefined && isReusable(packs.state(found.pack)) ? found : undefined;
		},
		find: async (name) => known(name) ?? inTurn(() => findInTurn(name)),
		refresh: () =>
			inTurn(async () => {
				await bar();
				await relist();
				for (let key = unloaded.pop(); key !== undefined; key = unloaded.pop()) await load(key);
			}),
		wrote: (key, whole) => loaded.set(key, whole ? "whole" : "part"),
		add,
	};
}

function searchPacks(packs: IndexedPack[], name: Uint8Array) {
	for (const { id, entries } of packs) {
		if (!Buffer.from(entries.buffer, entries.byteOffset, entries.byteLength).includes(Buffer.from(name))) continue;
		for (const entry of readEntries(id, Buffer.from(entries), headerBytes)) {
			if (Buffer.compare(entry.name, name) === 0) return { id, offset: entry.offset, storedBytes: entry.storedBytes };
		}
	}
	return undefined;
}
