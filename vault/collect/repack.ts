import { randomBytes } from "node:crypto";
import { isVaultError } from "../errors.ts";
import { headerBytes, objectTypes, recordTypes } from "../format/constants.ts";
import { readEntries } from "../format/entries.ts";
import { sealObject } from "../format/envelope.ts";
import { encodeIndex, type IndexedPack } from "../format/index-object.ts";
import { folders, packKey } from "../format/names.ts";
import { openRecord } from "../format/record.ts";
import { readPackIndex } from "../read/pack-index.ts";
import { newPackBuilder, type PackBuilder } from "../write/pack-builder.ts";
import type { MarkedPack } from "./mark.ts";
import type { CollectPlace } from "./place.ts";
import { type Walk, walk } from "./walk.ts";

export type Repacked = {
	/** Packs whose live records are in new packs now: they may be condemned. */
	emptied: string[];
	/** Packs that hold a damaged record that is needed; they are left as they are. */
	damaged: string[];
	bytesCopied: number;
};

/** Names of the packs that are repacked in one go. */
const nameBytes = 120;

/** The packs that waste most, as many as the budget can repack at once. */
export function wasteful(packs: Iterable<MarkedPack>, wasteShare: number, memoryBudgetBytes: number): MarkedPack[] {
	const waste = ({ sizeBytes, liveBytes }: MarkedPack) => sizeBytes - liveBytes;
	const chosen: MarkedPack[] = [];
	let names = 0;
	const sorted = [...packs]
		.filter((pack) => pack.indexedAtMs !== undefined && !pack.condemned && pack.liveRecords > 0 && pack.sizeBytes > 0)
		.filter((pack) => waste(pack) > wasteShare * pack.sizeBytes)
		.sort((one, other) => waste(other) / other.sizeBytes - waste(one) / one.sizeBytes);
	for (const pack of sorted) {
		names += pack.records;
		if (names * nameBytes > memoryBudgetBytes / 4) break;
		chosen.push(pack);
	}
	return chosen;
}

export type RepackOptions = Omit<Walk, "reach"> & { packs: readonly MarkedPack[]; packBytes: number };

/**
 * Copies the records of wasteful packs that are reached into new packs, as they are (each is verified on the way), and
 * indexes those. Another collection may take the new packs for garbage as long as the old ones are not condemned; then the
 * old ones stay, as docs/format.md shows ("Two collections at once").
 */
export async function repack(place: CollectPlace, { packs, packBytes, ...trees }: RepackOptions): Promise<Repacked> {
	const result: Repacked = { emptied: [], damaged: [], bytesCopied: 0 };
	if (packs.length === 0) return result;
	const wanted = await reachedNames(place, packs, trees);
	const copier = newCopier(place, packBytes);
	for (const { id } of packs) {
		place.signal?.throwIfAborted();
		try {
			result.bytesCopied += await copyPack(place, id, wanted, copier);
			result.emptied.push(id);
		} catch (error) {
			// Another collection was quicker: there is nothing left to copy.
			if (isVaultError(error, "NOT_FOUND")) continue;
			if (!isVaultError(error, "DAMAGED")) throw error;
			result.damaged.push(id);
		}
	}
	await copier.finish();
	return result;
}

/** Of the records in these packs, the names that the trees reach. */
async function reachedNames(place: CollectPlace, packs: readonly MarkedPack[], trees: Omit<Walk, "reach">) {
	const there = new Set<string>();
	for (const { id } of packs) {
		try {
			const entries = await readPackIndex(place.target, place.keyring, id);
			for (const { name } of readEntries(packKey(id), entries, headerBytes)) there.add(latin1(name));
		} catch (error) {
			// Met again, and judged, where it is copied.
			if (!isVaultError(error, "NOT_FOUND", "DAMAGED")) throw error;
		}
	}
	const reached = new Set<string>();
	await walk(place, {
		...trees,
		reach(name) {
			const key = latin1(name);
			if (there.has(key)) reached.add(key);
		},
	});
	return reached;
}

type Copier = ReturnType<typeof newCopier>;

/** Copies what is wanted of one pack, once. Nothing is copied of a pack in which a wanted record is damaged. */
async function copyPack(place: CollectPlace, id: string, wanted: Set<string>, copier: Copier): Promise<number> {
	const { target, keyring } = place;
	const entries = await readPackIndex(target, keyring, id);
	const pack = await target.get(packKey(id));
	const live = [...readEntries(packKey(id), entries, headerBytes)].filter(({ name }) => wanted.has(latin1(name)));
	for (const { name, type, offset, storedBytes, plainBytes } of live) {
		const record = pack.subarray(offset, offset + storedBytes);
		openRecord(keyring, { object: packKey(id), type, name, maxPlainBytes: plainBytes }, record);
	}
	let bytes = 0;
	for (const entry of live) {
		wanted.delete(latin1(entry.name));
		await copier.add(entry, pack.subarray(entry.offset, entry.offset + entry.storedBytes));
		bytes += entry.storedBytes;
	}
	return bytes;
}

/** Fills new packs, chunks and pages apart, and indexes them. */
function newCopier({ target, keyring, now }: CollectPlace, packBytes: number) {
	const open = new Map<number, PackBuilder>();
	const written: IndexedPack[] = [];

	async function send(pack: PackBuilder): Promise<void> {
		await target.put(packKey(pack.id), pack.finish(), { ifAbsent: true });
		written.push({ id: pack.id, entries: pack.entries() });
	}

	return {
		async add(entry: Parameters<PackBuilder["append"]>[0], record: Uint8Array): Promise<void> {
			const kind = entry.type === recordTypes.page ? recordTypes.page : recordTypes.chunk;
			let pack = open.get(kind);
			if (pack !== undefined && !pack.hasRoom(record.length)) {
				await send(pack);
				pack = undefined;
			}
			if (pack === undefined) {
				pack = newPackBuilder({ keyring, number: () => 0, buffer: new Uint8Array(packBytes) });
				open.set(kind, pack);
			}
			pack.append(entry, record);
		},
		/** Packs first, their index second. */
		async finish(): Promise<void> {
			for (const pack of open.values()) await send(pack);
			open.clear();
			if (written.length === 0) return;
			const key = folders.index + now().getTime().toString(16).padStart(12, "0") + randomBytes(10).toString("hex");
			await target.put(key, [sealObject(keyring, objectTypes.index, key, encodeIndex(written))], { ifAbsent: true });
		},
	};
}

const latin1 = (name: Uint8Array) => Buffer.from(name).toString("latin1");
