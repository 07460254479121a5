import { badArgument, damaged, isVaultError, VaultError } from "../errors.ts";
import { nameBytes, recordOverheadBytes, recordTypes } from "../format/constants.ts";
import { packKey } from "../format/names.ts";
import type { Child, Page } from "../format/page.ts";
import { chunkCount, chunkLength, pagesAt, parentOf, slotOf } from "../format/shape.ts";
import type { DiskReader, ManifestRef } from "../vault.ts";
import type { Pages } from "./pages.ts";
import type { Location, Records } from "./records.ts";
import { newTree, type Tree } from "./tree.ts";

/** Neighbours that are fetched together, when reads go upwards. */
const windowBytes = 4 * 1024 * 1024;
const aheadChunks = 32;
/** Chunks of two sealing threads are interleaved in a pack, and a gap costs less than another request. */
const gapBytes = 128 * 1024;
const keptWindows = 3;

type Window = { packId: string; start: number; end: number; bytes: Promise<Uint8Array> };

export type DiskParts = { records: Records; pages: Pages; isOpen: () => boolean; hint: string | undefined };

export function newDiskReader(
	ref: ManifestRef,
	{ records, pages, isOpen, hint }: DiskParts,
): DiskReader & { tree: Tree } {
	const { sizeBytes, chunkBytes } = ref;
	const count = chunkCount(sizeBytes, chunkBytes);
	const tree = newTree(ref, pages, hint);
	const windows: Window[] = [];
	let lastIndex = -1;

	const drop = (window: Window) => windows.splice(windows.indexOf(window) >>> 0, 1);

	/** The window that holds the record, fetched or on its way; a new one takes in the neighbours that follow. */
	function windowFor(location: Location, leaf: Page, index: number, sequential: boolean): Window {
		const end = location.offset + location.storedBytes;
		const at = windows.findIndex((w) => w.packId === location.packId && w.start <= location.offset && w.end >= end);
		const hit = windows[at];
		if (hit !== undefined) return hit;
		const span = sequential ? spanFrom(location, leaf, index) : { start: location.offset, end };
		const storedBytes = span.end - span.start;
		const bytes = records.fetch({ packId: location.packId, offset: span.start, storedBytes });
		const made: Window = { packId: location.packId, ...span, bytes };
		bytes.catch(() => drop(made));
		windows.push(made);
		if (windows.length > keptWindows) windows.shift();
		return made;
	}

	function spanFrom(location: Location, leaf: Page, index: number): { start: number; end: number } {
		const near = [location];
		for (let next = index + 1; next < count && next <= index + aheadChunks && slotOf(next) !== 0; next++) {
			const child = leaf.child(slotOf(next));
			const place = child && records.locateNow(child);
			if (place?.packId === location.packId) near.push(place);
		}
		near.sort((a, b) => a.offset - b.offset);
		let low = near.indexOf(location);
		let high = low;
		const endOf = (i: number) => (near[i] as Location).offset + (near[i] as Location).storedBytes;
		const startOf = (i: number) => (near[i] as Location).offset;
		const limit = Math.max(windowBytes, location.storedBytes);
		for (;;) {
			if (
				high + 1 < near.length &&
				startOf(high + 1) - endOf(high) <= gapBytes &&
				endOf(high + 1) - startOf(low) <= limit
			)
				high++;
			else if (low > 0 && startOf(low) - endOf(low - 1) <= gapBytes && endOf(high) - startOf(low - 1) <= limit) low--;
			else return { start: startOf(low), end: Math.max(endOf(high), startOf(high)) };
		}
	}

	async function readChunk(leaf: Page, child: Child, index: number, sequential: boolean): Promise<Uint8Array> {
		const length = chunkLength(sizeBytes, chunkBytes, index);
		const request = { type: recordTypes.chunk, child, maxPlainBytes: length };
		for (let again = false; ; again = true) {
			const location = await records.locate(child);
			if (location.storedBytes > chunkBytes + recordOverheadBytes) {
				throw damaged(packKey(location.packId), "lists a record that is larger than a chunk");
			}
			const window = windowFor(location, leaf, index, sequential && !again);
			try {
				const bytes = await window.bytes;
				const from = location.offset - window.start;
				const plain = records.open(request, location, bytes.subarray(from, from + location.storedBytes));
				if (plain.length === length) return plain;
				throw damaged(packKey(location.packId), `holds ${plain.length} bytes where a chunk of ${length} belongs`);
			} catch (error) {
				// Once more, alone: the bytes may have been hurt on their way, or the window was too large for its pack.
				drop(window);
				if (again || !isVaultError(error, "NOT_FOUND", "DAMAGED")) throw error;
				if (isVaultError(error, "NOT_FOUND")) records.lost(location.packId);
			}
		}
	}

	async function read(index: number): Promise<Uint8Array> {
		if (!isOpen()) throw new VaultError("CLOSED", "The vault was closed.");
		if (!Number.isSafeInteger(index) || index < 0 || index >= count) {
			throw badArgument(`There is no chunk ${index}: the disk has ${count}.`);
		}
		const sequential = index > lastIndex && index <= lastIndex + aheadChunks;
		lastIndex = index;
		const leafNode = await tree.node(0, parentOf(index));
		const leaf = leafNode && (await pages.read(leafNode, 0));
		const child = leaf?.child(slotOf(index));
		if (leaf === undefined || child === undefined) return Buffer.alloc(chunkLength(sizeBytes, chunkBytes, index));
		return readChunk(leaf, child, index, sequential);
	}

	async function* extents(range?: { index: number; count: number }) {
		const first = range?.index ?? 0;
		const end = range === undefined ? count : Math.min(count, first + range.count);
		let run: { index: number; count: number; zero: boolean } | undefined;
		for await (const { index, count: inLeaf, child } of tree.leaves({ first, end })) {
			const leaf = child && (await pages.read(child, 0));
			const from = Math.max(0, first - index);
			const to = Math.min(inLeaf, end - index);
			// A leaf that is not there is one run; in one that is, each chunk is looked at.
			const step = leaf === undefined ? to - from : 1;
			for (let slot = from; slot < to; slot += step) {
				const zero = leaf?.child(slot) === undefined;
				if (run?.zero === zero) run.count += step;
				else {
					if (run !== undefined) yield run;
					run = { index: index + slot, count: step, zero };
				}
			}
		}
		if (run !== undefined) yield run;
	}

	return { sizeBytes, chunkBytes, read, extents, tree };
}

/** Refuses a reference that no disk of this vault can have. */
export function checkManifest(ref: ManifestRef, chunkBytes: number): void {
	if (!Number.isSafeInteger(ref.sizeBytes) || ref.sizeBytes < 0) {
		throw badArgument(`A disk cannot have ${ref.sizeBytes} bytes.`);
	}
	if (ref.chunkBytes !== chunkBytes) {
		throw badArgument(
			`The disk has chunks of ${ref.chunkBytes} bytes, the vault of ${chunkBytes}: it is another vault's.`,
		);
	}
	if (ref.page !== null && !new RegExp(`^[0-9a-f]{${nameBytes * 2}}$`).test(ref.page)) {
		throw badArgument("The disk's page is neither null nor a page name.");
	}
	if (ref.page !== null && pagesAt(0, chunkCount(ref.sizeBytes, chunkBytes)) === 0) {
		throw badArgument("A disk of no bytes has no page.");
	}
}
