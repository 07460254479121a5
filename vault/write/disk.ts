import { badArgument, VaultError } from "../errors.ts";
import { fanOut } from "../format/constants.ts";
import { type Child, encodePage } from "../format/page.ts";
import { chunkCount, chunkLength, firstChildOf, parentOf, slotOf, topLevel } from "../format/shape.ts";
import type { newDiskReader } from "../read/disk.ts";
import type { Pages } from "../read/pages.ts";
import type { DiskWriter, ManifestRef } from "../vault.ts";
import type { Account } from "./account.ts";
import { newLeaves, unsaid } from "./leaves.ts";
import type { Store } from "./store.ts";
import { baseChildren, buildTree } from "./tree.ts";

export type DiskWriterOptions = {
	sizeBytes: number;
	chunkBytes: number;
	base: { ref: ManifestRef; disk: ReturnType<typeof newDiskReader> } | undefined;
	store: Store;
	account: Account;
	pages: Pages;
	/** Where the top page went, for whoever opens the disk next in this process. */
	onFinish: (page: Child) => void;
};

export function newDiskWriter(options: DiskWriterOptions): DiskWriter {
	const { sizeBytes, chunkBytes, store, account, pages } = options;
	const chunks = chunkCount(sizeBytes, chunkBytes);
	const zeros = Buffer.alloc(chunkBytes);
	const leaves = newLeaves(chunks);
	const base = options.base && { tree: options.base.disk.tree, pages };
	/** Leaves that are done: their page, or undefined where all is zero. */
	const changed = new Map<number, Child | undefined>();
	const pending = new Set<Promise<unknown>>();
	let finished = false;

	const storePage = (page: Buffer) => store.page(account, page);

	function checkRange(index: number, count: number): void {
		if (finished) throw new VaultError("CLOSED", "The disk is finished: nothing more can be written to it.");
		account.check();
		const whole = Number.isSafeInteger(index) && Number.isSafeInteger(count) && index >= 0 && count >= 0;
		if (!whole || index + count > chunks) {
			throw badArgument(`Chunks ${index} to ${index + count - 1} are not in a disk of ${chunks} chunks.`);
		}
	}

	function later(work: Promise<unknown>): void {
		const kept = work.catch((error: unknown) => account.fail(error)).finally(() => pending.delete(kept));
		pending.add(kept);
	}

	/** Makes the page of a leaf: what was said, and the base for the rest. */
	async function closeLeaf(leaf: number): Promise<void> {
		const draft = leaves.take(leaf);
		if (draft === undefined) return;
		const children = draft.saidCount === draft.said.length ? [] : await baseChildren(base, 0, leaf);
		children.length = draft.said.length;
		draft.said.forEach((what, slot) => {
			if (what !== unsaid) children[slot] = draft.children.get(slot);
		});
		const page = encodePage(0, children);
		changed.set(leaf, page && (await storePage(page)));
	}

	async function accept(index: number, data: Uint8Array): Promise<void> {
		// The place in the tree is taken before the wait, so that a second call for the same chunk is refused.
		if (zeros.compare(data, 0, data.length, 0, data.length) === 0) {
			account.stats.zeroBytes += data.length;
			leaves.sayZero(index, 1);
			if (leaves.isComplete(parentOf(index))) later(closeLeaf(parentOf(index)));
			return;
		}
		leaves.sayData(index);
		const { done } = await store.chunk(account, data);
		later(
			done.then((child) => {
				if (leaves.place(index, child)) return closeLeaf(parentOf(index));
			}),
		);
	}

	/** Says zero about a range, whole leaves at once. */
	async function sayZero(index: number, count: number): Promise<void> {
		const end = index + count;
		for (let next = index; next < end; ) {
			const leaf = parentOf(next);
			const stop = Math.min(end, firstChildOf(leaf) + fanOut);
			const wholeLeaf = next === firstChildOf(leaf) && stop === Math.min(chunks, next + fanOut);
			if (wholeLeaf && !leaves.drafts.has(leaf) && !leaves.isClosed(leaf)) {
				leaves.take(leaf);
				if (base !== undefined) changed.set(leaf, undefined);
			} else {
				leaves.sayZero(next, stop - next);
				if (leaves.isComplete(leaf)) await closeLeaf(leaf);
			}
			next = stop;
		}
	}

	/** A disk that changed its size: the chunk at the old or new end has another length than the base's. */
	async function fitBase(): Promise<void> {
		const from = options.base;
		if (from === undefined || from.ref.sizeBytes === sizeBytes || chunks === 0) return;
		const common = Math.min(from.ref.sizeBytes, sizeBytes);
		const index = Math.floor(common / chunkBytes);
		// The leaf at the seam and the first path are written anew: that cuts or adds levels and slots.
		for (const leaf of new Set([0, Math.min(parentOf(index), parentOf(chunks - 1))])) {
			if (!changed.has(leaf)) leaves.open(leaf);
		}
		if (common % chunkBytes === 0) return;
		const said = changed.has(parentOf(index)) || leaves.drafts.get(parentOf(index))?.said[slotOf(index)] !== unsaid;
		if (said) return;
		const chunk = Buffer.alloc(chunkLength(sizeBytes, chunkBytes, index));
		chunk.set((await from.disk.read(index)).subarray(0, chunk.length));
		await accept(index, chunk);
	}

	async function settle(): Promise<void> {
		while (pending.size > 0) await Promise.all(pending);
		account.check();
	}

	return {
		async write(index, data) {
			checkRange(index, 1);
			const length = chunkLength(sizeBytes, chunkBytes, index);
			if (data.length !== length) throw badArgument(`Chunk ${index} has ${length} bytes, not ${data.length}.`);
			account.stats.givenBytes += length;
			await accept(index, data);
		},
		async zero(index, count) {
			checkRange(index, count);
			await sayZero(index, count);
		},
		async finish() {
			checkRange(0, 0);
			finished = true;
			await settle();
			await fitBase();
			await settle();
			for (const leaf of [...leaves.drafts.keys()].sort((a, b) => a - b)) await closeLeaf(leaf);
			if (base !== undefined && changed.size === 0 && options.base?.ref.sizeBytes === sizeBytes) {
				await store.flush(account);
				return options.base.ref;
			}
			const shape = { top: topLevel(chunks), chunks };
			const top = await buildTree({ changed, base, ...shape, store: storePage });
			await store.flush(account);
			if (top !== undefined) options.onFinish(top);
			return { sizeBytes, chunkBytes, page: top === undefined ? null : Buffer.from(top.name).toString("hex") };
		},
	};
}
