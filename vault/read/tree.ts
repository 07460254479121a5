import type { Child } from "../format/page.ts";
import { chunkCount, firstChildOf, pagesAt, parentOf, slotOf, topLevel } from "../format/shape.ts";
import type { ManifestRef } from "../vault.ts";
import type { Pages } from "./pages.ts";

/** The manifest tree of one disk. */
export type Tree = {
	/** Level of its top page. */
	readonly top: number;
	/** The page at a place in the tree, by its name; undefined where all below it is zero. */
	node(level: number, index: number): Promise<Child | undefined>;
	/** Leaves in order, with the index of their first chunk. Subtrees that are all zero come as leaves without a page. */
	leaves(): AsyncIterable<{ index: number; child: Child | undefined }>;
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

	return {
		top,
		node,
		async *leaves() {
			for (let leaf = 0; leaf < pagesAt(0, chunks); leaf++) {
				yield { index: firstChildOf(leaf), child: await node(0, leaf) };
			}
		},
	};
}
