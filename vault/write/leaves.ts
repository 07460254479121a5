import { badArgument } from "../errors.ts";
import { fanOut } from "../format/constants.ts";
import type { Child } from "../format/page.ts";
import { firstChildOf, parentOf, slotOf } from "../format/shape.ts";

/** What was said so far about the chunks of one leaf. */
export type Draft = {
	/** Per slot: nothing said, zero, or data (whose child may still be on its way). */
	readonly said: Uint8Array;
	readonly children: Map<number, Child>;
	saidCount: number;
};

export const unsaid = 0;
const saidZero = 1;
const saidData = 2;

/** Keeps track of which chunks of a disk were mentioned, and tells when a leaf is complete. */
export type Leaves = {
	readonly drafts: ReadonlyMap<number, Draft>;
	/** Throws BAD_ARGUMENT for an index that was mentioned before. */
	sayData(index: number): void;
	sayZero(index: number, count: number): void;
	/** The chunk that `sayData` announced has its place. True when its leaf has nothing left to wait for. */
	place(index: number, child: Child): boolean;
	isComplete(leaf: number): boolean;
	isClosed(leaf: number): boolean;
	/** Gives the draft of a leaf away; the leaf counts as closed. */
	take(leaf: number): Draft | undefined;
	/** A draft for the leaf, even if nothing was said about it. */
	open(leaf: number): Draft;
};

export function newLeaves(chunks: number): Leaves {
	const drafts = new Map<number, Draft>();
	const closed = new Set<number>();
	const sizeOf = (leaf: number) => Math.min(fanOut, chunks - firstChildOf(leaf));

	function open(leaf: number): Draft {
		let draft = drafts.get(leaf);
		if (draft === undefined) {
			draft = { said: new Uint8Array(sizeOf(leaf)), children: new Map(), saidCount: 0 };
			drafts.set(leaf, draft);
		}
		return draft;
	}

	function say(index: number, what: number): Draft {
		const leaf = parentOf(index);
		if (closed.has(leaf) || drafts.get(leaf)?.said[slotOf(index)]) {
			throw badArgument(`The chunk ${index} was given twice.`);
		}
		const draft = open(leaf);
		draft.said[slotOf(index)] = what;
		draft.saidCount++;
		return draft;
	}

	const dataCount = (draft: Draft) => draft.said.reduce((sum, what) => sum + (what === saidData ? 1 : 0), 0);
	const isComplete = (leaf: number) => {
		const draft = drafts.get(leaf);
		return draft !== undefined && draft.saidCount === draft.said.length && draft.children.size === dataCount(draft);
	};

	return {
		drafts,
		open,
		sayData: (index) => void say(index, saidData),
		sayZero(index, count) {
			for (let next = index; next < index + count; next++) say(next, saidZero);
		},
		place(index, child) {
			const leaf = parentOf(index);
			const draft = open(leaf);
			draft.children.set(slotOf(index), child);
			return draft.saidCount === draft.said.length && isComplete(leaf);
		},
		isComplete,
		isClosed: (leaf) => closed.has(leaf),
		take(leaf) {
			const draft = drafts.get(leaf);
			drafts.delete(leaf);
			closed.add(leaf);
			return draft;
		},
	};
}
