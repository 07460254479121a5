import { randomBytes } from "node:crypto";
import { objectTypes, packEntryBytes } from "../format/constants.ts";
import { sealObject } from "../format/envelope.ts";
import { encodeIndex, type IndexedPack } from "../format/index-object.ts";
import { folders, packKey } from "../format/names.ts";
import { readIndexes } from "./inventory.ts";
import type { CollectPlace } from "./place.ts";

/** Entries of one merged index object: far below what a reader takes, and few enough objects for 10^9 records. */
const maxEntriesBytes = 16 * 1024 * 1024;
/** More small index objects than this are merged although none of them lists a dead pack. */
const manySmall = 32;
const smallBytes = 1024 * 1024;

export type Swept = { packsDeleted: number; bytesFreed: number; indexObjectsBefore: number; indexObjectsAfter: number };

/**
 * Takes dead packs off the target. First the index objects that list them are written anew without them, then the old
 * ones go, then the packs: at no moment is a record listed that is not there, and none that is there and listed is lost.
 * Safe to repeat, and for several processes at once: what two of them write lists the same packs twice, no more.
 */
export async function sweep(
	place: CollectPlace,
	dead: ReadonlyMap<string, number>,
	progress?: (deleted: number) => void,
): Promise<Swept> {
	const { before, after } = await rewriteIndexes(place, dead);
	let packsDeleted = 0;
	let bytesFreed = 0;
	for (const [id, sizeBytes] of dead) {
		place.signal?.throwIfAborted();
		await place.target.delete(packKey(id));
		packsDeleted++;
		bytesFreed += sizeBytes;
		progress?.(packsDeleted);
	}
	return { packsDeleted, bytesFreed, indexObjectsBefore: before, indexObjectsAfter: after };
}

async function rewriteIndexes(place: CollectPlace, dead: ReadonlyMap<string, number>) {
	const { target } = place;
	let small = 0;
	let before = 0;
	for await (const { sizeBytes } of target.list(folders.index)) {
		before++;
		if (sizeBytes < smallBytes) small++;
	}
	const merge = small > manySmall;
	const old: string[] = [];
	const waiting: IndexedPack[] = [];
	const listed = new Set<string>();
	let waitingBytes = 0;
	let written = 0;
	const own = new Set<string>();

	/** The new object is durable before any old one goes. */
	async function write(): Promise<void> {
		const packs = waiting.splice(0);
		waitingBytes = 0;
		if (packs.length > 0) {
			own.add(await writeIndex(place, packs));
			written++;
		}
		for (const key of old.splice(0)) await target.delete(key);
	}

	let removed = 0;
	for await (const { key, packs } of readIndexes(place)) {
		// What is written while the list goes on may turn up in it.
		if (own.has(key)) continue;
		const bytes = packs.reduce((sum, { entries }) => sum + entries.length + packEntryBytes, 0);
		const outdated = packs.some(({ id }) => dead.has(id));
		if (!outdated && !(merge && bytes < smallBytes)) continue;
		old.push(key);
		removed++;
		// All of this object is listed again before it goes.
		for (const pack of packs) {
			if (dead.has(pack.id) || listed.has(pack.id)) continue;
			listed.add(pack.id);
			// A copy: a view would keep the whole object in memory.
			waiting.push({ id: pack.id, entries: Uint8Array.from(pack.entries) });
			waitingBytes += pack.entries.length;
		}
		if (waitingBytes >= maxEntriesBytes) await write();
	}
	await write();
	return { before, after: before - removed + written };
}

async function writeIndex({ target, keyring, now }: CollectPlace, packs: IndexedPack[]): Promise<string> {
	const key = folders.index + now().getTime().toString(16).padStart(12, "0") + randomBytes(10).toString("hex");
	await target.put(key, [sealObject(keyring, objectTypes.index, key, encodeIndex(packs))], { ifAbsent: true });
	return key;
}
