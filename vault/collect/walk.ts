import { newCatalog } from "../catalog/catalog.ts";
import { isVaultError, type VaultError } from "../errors.ts";
import { fanOut, recordTypes } from "../format/constants.ts";
import { decodePage, maxPageBytes, type Page } from "../format/page.ts";
import { newRecords } from "../read/records.ts";
import type { CollectPlace } from "./place.ts";
import type { Top } from "./survey.ts";

/** Where to begin, and what to tell. */
export type Walk = {
	tops: readonly Top[];
	/** Top pages of snapshots that were deleted meanwhile: what is gone of their trees is passed over. */
	gone: readonly string[];
	/** Called for each page and chunk that is reached, at least once; `needed` by a snapshot that is there. */
	reach(name: Uint8Array, needed: boolean): void;
	/** Called for a page that does not read, whose subtree is then passed over. Without it the walk throws. */
	broken?: ((name: Uint8Array, error: VaultError) => void) | undefined;
	progress?: ((pages: number) => void) | undefined;
};

type Node = { name: Uint8Array; pack: string | undefined; level: number | undefined };

/** Pages that are read at the same time. */
const readers = 8;
/** What a name costs in the set of pages that were walked already. */
const seenBytes = 120;
/** Of the budget: pages by name, to walk shared subtrees once. */
const seenShare = 8;

/**
 * Walks the trees of manifests. A subtree that several share is walked once, as far as the budget can remember; beyond
 * it is walked again. Throws DAMAGED where a page does not read.
 */
export async function walk(place: CollectPlace, { tops, gone, reach, broken, progress }: Walk): Promise<void> {
	const read = newPageReader(place);
	const seen = new Set<string>();
	const mostSeen = Math.max(1024, Math.floor(place.memoryBudgetBytes / seenShare / seenBytes));
	let pages = 0;

	async function visit({ name, pack, level }: Node, needed: boolean, stack: Node[]): Promise<void> {
		const key = Buffer.from(name).toString("latin1");
		if (seen.has(key)) return;
		let page: Page;
		try {
			page = await read({ name, pack }, level);
		} catch (error) {
			if (!isVaultError(error, "NOT_FOUND", "DAMAGED")) throw error;
			if (!needed) return;
			if (broken === undefined) throw error;
			seen.add(key);
			return broken(name, error);
		}
		if (seen.size >= mostSeen) seen.clear();
		seen.add(key);
		reach(name, needed);
		progress?.(++pages);
		for (let slot = fanOut - 1; slot >= 0; slot--) {
			const child = page.child(slot);
			if (child === undefined) continue;
			if (page.level === 0) reach(child.name, needed);
			else stack.push({ name: child.name, pack: child.pack, level: page.level - 1 });
		}
	}

	/** Last in, first out: the stack stays as short as the trees are deep. */
	async function visitAll(stack: Node[], needed: boolean): Promise<void> {
		const visiting = new Set<Promise<void>>();
		while (stack.length > 0 || visiting.size > 0) {
			place.signal?.throwIfAborted();
			const node = visiting.size < readers ? stack.pop() : undefined;
			if (node === undefined) {
				await Promise.race(visiting);
				continue;
			}
			const visited = visit(node, needed, stack).finally(() => visiting.delete(visited));
			visiting.add(visited);
		}
	}

	const top = (page: string, pack: string | undefined): Node => ({
		name: Buffer.from(page, "hex"),
		pack,
		level: undefined,
	});
	await visitAll(
		tops.map(({ page, pack }) => top(page, pack)),
		true,
	);
	await visitAll(
		gone.map((page) => top(page, undefined)),
		false,
	);
}

/** Reads pages by their hints, and by the index objects where a hint is out of date. */
function newPageReader(place: CollectPlace) {
	const { target, keyring, memoryBudgetBytes } = place;
	const catalog = newCatalog({ target, keyring, tableBudgetBytes: memoryBudgetBytes / seenShare, onGrow: () => {} });
	const records = newRecords({ target, keyring, catalog });
	return async (child: { name: Uint8Array; pack: string | undefined }, level: number | undefined): Promise<Page> => {
		const { plain, object } = await records.read({ type: recordTypes.page, child, maxPlainBytes: maxPageBytes });
		// A top page says its level itself: its name is the hash of all its bytes.
		return decodePage(object, plain, level ?? (plain[0] as number));
	};
}
