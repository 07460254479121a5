import { fanOut } from "../format/constants.ts";
import { type Child, encodePage } from "../format/page.ts";
import { firstChildOf, pagesAt, parentOf, slotOf } from "../format/shape.ts";
import type { Pages } from "../read/pages.ts";
import type { Tree } from "../read/tree.ts";

/** The tree that unchanged pages are taken from. */
export type BaseTree = { tree: Tree; pages: Pages };

/** Children of a page of the base, as many slots as the page has; none where the base has no such page. */
export async function baseChildren(
	base: BaseTree | undefined,
	level: number,
	index: number,
): Promise<(Child | undefined)[]> {
	if (base === undefined) return [];
	// A disk that grew has levels that its base did not have: above the base's top page there is only that page.
	if (level === base.tree.top + 1 && index === 0) return [await base.tree.node(base.tree.top, 0)];
	if (level > base.tree.top) return [];
	const node = await base.tree.node(level, index);
	const page = node && (await base.pages.read(node, level));
	return page === undefined ? [] : Array.from({ length: fanOut }, (_, slot) => page.child(slot));
}

/**
 * Builds the pages above the leaves, level by level, reading and writing only those above a changed leaf. Returns the
 * top page, or undefined when all is zero. `changed` holds every leaf that is not as in the base.
 */
export async function buildTree(options: {
	changed: ReadonlyMap<number, Child | undefined>;
	base: BaseTree | undefined;
	top: number;
	chunks: number;
	store: (page: Buffer) => Promise<Child>;
}): Promise<Child | undefined> {
	const { base, top, chunks } = options;
	let below = options.changed;
	for (let level = 1; level <= top; level++) {
		const changed = new Map<number, Child | undefined>();
		for (const [index, slots] of groupByParent(below)) {
			const width = Math.min(fanOut, pagesAt(level - 1, chunks) - firstChildOf(index));
			// A page that is all new asks nothing of the base, whose page may be damaged or gone.
			const children = slots.length === width ? [] : await baseChildren(base, level, index);
			for (const [slot, child] of slots) children[slot] = child;
			children.length = Math.min(children.length, width);
			const page = encodePage(level, children);
			changed.set(index, page && (await options.store(page)));
		}
		below = changed;
	}
	return below.get(0);
}

function groupByParent(children: ReadonlyMap<number, Child | undefined>) {
	const groups = new Map<number, [slot: number, child: Child | undefined][]>();
	for (const [index, child] of [...children].sort(([a], [b]) => a - b)) {
		const group = groups.get(parentOf(index));
		if (group === undefined) groups.set(parentOf(index), [[slotOf(index), child]]);
		else group.push([slotOf(index), child]);
	}
	return groups;
}
