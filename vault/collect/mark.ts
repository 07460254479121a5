import { damaged, VaultError } from "../errors.ts";
import { type Condemned, inShare, readInventory, type Share, sharesFor } from "./inventory.ts";
import type { CollectPlace } from "./place.ts";
import { type Walk, walk } from "./walk.ts";

/** One pack, and what of it is reached. */
export type MarkedPack = {
	id: string;
	/** Of the whole object; 0 where an index object lists a pack that is not there. */
	sizeBytes: number;
	condemned: boolean;
	/** Milliseconds in the name of the oldest index object that lists it; undefined where none does. */
	indexedAtMs: number | undefined;
	records: number;
	/** Records that are reached and kept for their names in this pack, and their bytes. */
	liveRecords: number;
	liveBytes: number;
};

export type Marked = { packs: Map<string, MarkedPack>; indexKeys: string[] };

export type MarkOptions = Omit<Walk, "reach"> & {
	condemned: Condemned;
	/** Bytes of all index objects: they tell how many records there are. */
	indexBytes: number;
	/** Called for a name that is needed and in no pack. Without it the mark throws. */
	missing?: (name: Uint8Array) => void;
	/** Called for an index object that does not read. Without it the mark throws. */
	badIndex?: (key: string, error: VaultError) => void;
};

const mostShares = 256;

/**
 * Finds every record that the given manifests reach, and counts them by pack. Memory is bounded by the budget: with more
 * records than it holds, the trees are walked once for each share of the names. Throws DAMAGED where something that a
 * snapshot needs is in no pack: then nothing may be deleted, for what looks like garbage may be what is missing.
 */
export async function mark(place: CollectPlace, options: MarkOptions): Promise<Marked> {
	const first = sharesFor(options.indexBytes, place.memoryBudgetBytes / 2);
	for (let of = first; of <= mostShares; of *= 2) {
		const marked = await markInShares(place, options, of);
		if (marked !== undefined) return marked;
	}
	const sentence = `${place.memoryBudgetBytes} bytes of memory are too few for a collection of this vault.`;
	throw new VaultError("BAD_ARGUMENT", `${sentence} Give it more.`);
}

async function markInShares(place: CollectPlace, options: MarkOptions, of: number): Promise<Marked | undefined> {
	const packs = new Map<string, MarkedPack>();
	let indexKeys: string[] = [];
	for (let part = 0; part < of; part++) {
		const counted = await markShare(place, options, { part, of }, packs);
		if (counted === undefined) return undefined;
		indexKeys = counted;
	}
	return { packs, indexKeys };
}

/** The keys of the index objects that were read; undefined when the share does not fit into the budget. */
async function markShare(
	place: CollectPlace,
	{ condemned, ...options }: MarkOptions,
	share: Share,
	packs: Map<string, MarkedPack>,
): Promise<string[] | undefined> {
	const inventory = await readInventory(
		{ ...place, memoryBudgetBytes: place.memoryBudgetBytes / 2 },
		condemned,
		share,
		options.badIndex,
	);
	if (inventory === undefined) return undefined;
	const { table } = inventory;
	const reached = new Uint8Array(table.slots);
	await walk(place, {
		...options,
		reach(name, needed) {
			if (!inShare(share, name)) return;
			const slot = table.find(name);
			if (slot < 0) {
				if (!needed) return;
				if (options.missing !== undefined) return options.missing(name);
				const what = Buffer.from(name).toString("hex");
				throw damaged(what, "is needed by a snapshot and is in no pack, so nothing is collected");
			}
			reached[slot] = 1;
		},
	});
	for (const pack of inventory.packs) {
		if (!packs.has(pack.id)) packs.set(pack.id, { ...pack, liveRecords: 0, liveBytes: 0 });
	}
	for (let slot = 0; slot < reached.length; slot++) {
		if (reached[slot] === 0) continue;
		const place = table.at(slot);
		const pack = packs.get(inventory.packs[place.pack]?.id ?? "") as MarkedPack;
		pack.liveRecords++;
		pack.liveBytes += place.storedBytes;
	}
	return inventory.indexKeys;
}
