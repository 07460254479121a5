import { newTable, type Table } from "../catalog/table.ts";
import { isVaultError, type VaultError } from "../errors.ts";
import { headerBytes, objectTypes } from "../format/constants.ts";
import { readEntries } from "../format/entries.ts";
import { openObject } from "../format/envelope.ts";
import { decodeIndex, type IndexedPack } from "../format/index-object.ts";
import { folders, packKey } from "../format/names.ts";
import type { CollectPlace } from "./place.ts";

/** The packs on the target, and for each record name the one pack that is kept for it. */
export type Inventory = {
	packs: InventoryPack[];
	/** Of each name of the share, the pack (by its place in `packs`) that readers shall find it in. */
	table: Table;
	indexKeys: string[];
};

export type InventoryPack = {
	id: string;
	/** Of the whole object; 0 where an index object lists a pack that is not there. */
	sizeBytes: number;
	condemned: boolean;
	/** Milliseconds in the name of the oldest index object that lists it; undefined where none does. */
	indexedAtMs: number | undefined;
	records: number;
};

/** Names by their last byte: part `part` of `of`. */
export type Share = { part: number; of: number };
export const inShare = ({ part, of }: Share, name: Uint8Array): boolean => (name[19] as number) % of === part;

/** 32 bytes a slot; old and new table side by side while it grows. */
const tableBytesPerRecord = 96;
const entryBytes = 28;

/** How many passes the budget asks for. A power of two, so that shares are even. */
export function sharesFor(indexBytes: number, memoryBudgetBytes: number): number {
	const wanted = (indexBytes / entryBytes) * tableBytesPerRecord;
	let shares = 1;
	while (wanted / shares > memoryBudgetBytes && shares < 256) shares *= 2;
	return shares;
}

export async function indexBytes({ target }: CollectPlace): Promise<number> {
	let sum = 0;
	for await (const { sizeBytes } of target.list(folders.index)) sum += sizeBytes;
	return sum;
}

/** Packs that collections have condemned: the one that asks, and all others. */
export type Condemned = { mine: ReadonlySet<string>; others: ReadonlySet<string> };

/**
 * Reads which records are where. Of a name that several packs hold, one is kept: one that is there before one that is
 * not; then one that nobody has condemned, then one that this collection has, which can rescue it, then one of another;
 * then the lowest id. Of two collections that condemned the only two packs of a name, so at least one rescues its own.
 * Undefined where the share's names do not fit into the budget: the caller takes smaller shares.
 */
export async function readInventory(
	place: CollectPlace,
	condemned: Condemned,
	share: Share,
	badIndex?: (key: string, error: VaultError) => void,
): Promise<Inventory | undefined> {
	const packs: InventoryPack[] = [];
	const numbers = new Map<string, number>();
	const numberOf = (id: string, sizeBytes: number): number => {
		const known = numbers.get(id);
		if (known !== undefined) return known;
		numbers.set(id, packs.length);
		const isCondemned = condemned.mine.has(id) || condemned.others.has(id);
		return packs.push({ id, sizeBytes, condemned: isCondemned, indexedAtMs: undefined, records: 0 }) - 1;
	};
	for await (const { key, sizeBytes } of place.target.list(folders.packs)) {
		numberOf(key.slice(folders.packs.length), sizeBytes);
	}
	const table = newTable(place.memoryBudgetBytes, () => {});
	const rank = ({ id, sizeBytes, condemned: isCondemned }: InventoryPack): number => {
		if (sizeBytes === 0) return 0;
		if (!isCondemned) return 3;
		return condemned.mine.has(id) ? 2 : 1;
	};
	const better = (one: InventoryPack, other: InventoryPack): boolean =>
		rank(one) === rank(other) ? one.id < other.id : rank(one) > rank(other);
	const indexKeys: string[] = [];
	for await (const { key, packs: listed } of readIndexes(place, badIndex)) {
		indexKeys.push(key);
		for (const { id, entries } of listed) {
			const number = numbers.get(id) ?? numberOf(id, await sizeOf(place, id));
			const pack = packs[number] as InventoryPack;
			const known = pack.indexedAtMs !== undefined;
			pack.indexedAtMs = Math.min(pack.indexedAtMs ?? Number.POSITIVE_INFINITY, timeOf(key));
			if (known) continue;
			for (const { name, offset, storedBytes } of readEntries(id, Buffer.from(entries), headerBytes)) {
				pack.records++;
				if (!inShare(share, name)) continue;
				const slot = table.find(name);
				if (slot >= 0 && !better(pack, packs[table.at(slot).pack] as InventoryPack)) continue;
				if (!table.set(name, { pack: number, offset, storedBytes })) return undefined;
			}
		}
	}
	return { packs, table, indexKeys };
}

/** Names of index objects begin with their time in milliseconds. */
const timeOf = (key: string): number =>
	Number.parseInt(key.slice(folders.index.length, folders.index.length + 12), 16) || 0;

/** A pack that came after they were listed is asked for by itself. */
async function sizeOf({ target }: CollectPlace, id: string): Promise<number> {
	try {
		return (await target.head(packKey(id))).sizeBytes;
	} catch (error) {
		if (isVaultError(error, "NOT_FOUND")) return 0;
		throw error;
	}
}

/**
 * All index objects. One that was merged away while we read sends us through the list again for those that are new:
 * whatever was listed at the start is then seen in one or the other. Throws DAMAGED for one that does not read, unless
 * `bad` takes it.
 */
export async function* readIndexes(
	place: CollectPlace,
	bad?: (key: string, error: VaultError) => void,
): AsyncGenerator<{ key: string; packs: IndexedPack[] }> {
	const { target, keyring, signal } = place;
	const seen = new Set<string>();
	for (let again = true; again; ) {
		again = false;
		for await (const { key } of target.list(folders.index)) {
			if (seen.has(key)) continue;
			seen.add(key);
			signal?.throwIfAborted();
			let bytes: Uint8Array;
			try {
				bytes = await target.get(key);
			} catch (error) {
				if (!isVaultError(error, "NOT_FOUND")) throw error;
				again = true;
				continue;
			}
			let packs: IndexedPack[];
			try {
				packs = decodeIndex(key, openObject(keyring, objectTypes.index, key, bytes));
			} catch (error) {
				if (bad === undefined || !isVaultError(error, "DAMAGED", "UNSUPPORTED_FORMAT")) throw error;
				bad(key, error);
				continue;
			}
			yield { key, packs };
		}
	}
}
