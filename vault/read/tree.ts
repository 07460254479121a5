import { fanOut } from "../format/constants.ts";
import type { Child } from "../format/page.ts";
import { chunkCount, firstChildOf, parentOf, slotOf, topLevel } from "../format/shape.ts";
import type { ManifestRef } from "../vault.ts";
import type { Pages } from "./pages.ts";

/** The manifest tree of one disk. */
export type Tree = {
	/** Level of its top page. */
	readonly top: number;
	/** The page at a place in the tree, by its name; undefined where all below it is zero. */
	node(level: number, index: number): Promise<Child | undefined>;
	/**
	 * Leaves in order, with the chunks they cover. A subtree that is all zero comes as one, without a page. With a range
	 * of chunks only those that touch it, which reads no page that does not.
	 */
	leaves(range?: {
		first: number;
		end: number;
	}): AsyncGenerator<{ index: number; count: number; child: Child | undefined }>;
};

/** `hint` is the pack of the top page, where it is known: the tree's own pages carry theirs. */
export function newTree(ref: ManifestRef, pages: Pages, hint: string | undefined): Tree {
	const chunks = chunkCount(ref.sizeBytes, ref.chunkBytes);
	const top = topLevel(chunks);
	const topPage = ref.page === null ? undefined : { name: Buffer.from(ref.page, "hex"), pack: hint };

	async function node(level: number, index: number): Promise<Child | undefined> {
		if (level === top) return index === 0 ? topPage : undefined;
		const parent = await node(level + 1, parentOf(index));
		return parent && (await pages.read(parent, level + 1)).child(slotOf(index));
	}

	type Range = { first: number; end: number };
	type Place = { level: number; index: number; child: Child | undefined };

	async function* leavesBelow({ level, index, child }: Place, range: Range): ReturnType<Tree["leaves"]> {
		const covered = fanOut ** (level + 1);
		const first = index * covered;
		if (first >= range.end || first + covered <= range.first) return;
		if (level === 0 || child === undefined) {
			yield { index: first, count: Math.min(covered, chunks - first), child };
			return;
		}
		const page = await pages.read(child, level);
		for (let slot = 0; slot < fanOut; slot++) {
			yield* leavesBelow({ level: level - 1, index: firstChildOf(index) + slot, child: page.child(slot) }, range);
		}
	}

	const leaves: Tree["leaves"] = ({ first, end } = { first: 0, end: chunks }) =>
		leavesBelow({ level: top, index: 0, child: topPage }, { first, end: Math.min(end, chunks) });

	return { top, node, leaves };
}
