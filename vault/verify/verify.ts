import { createHash } from "node:crypto";
import { newCatalog } from "../catalog/catalog.ts";
import { indexBytes, readIndexes } from "../collect/inventory.ts";
import { type Marked, type MarkedPack, mark } from "../collect/mark.ts";
import type { CollectPlace } from "../collect/place.ts";
import { badArgument, isVaultError, type VaultError } from "../errors.ts";
import { headerBytes, objectTypes } from "../format/constants.ts";
import { openDocument, peekType, type RootDocument } from "../format/documents.ts";
import { type PlacedEntry, readEntries } from "../format/entries.ts";
import { folders, packKey, rootKey } from "../format/names.ts";
import type { Keyring } from "../keyring.ts";
import { newPages } from "../read/pages.ts";
import { newRecords } from "../read/records.ts";
import { manifestsOf } from "../snapshots/commit.ts";
import type { Target } from "../target.ts";
import { checkRecords, type PackCheck, readPackList } from "./pack.ts";
import type { Damage, DamagedRange, Effect, VerifyCursor, VerifyLevel, VerifyReport } from "./report.ts";
import { addRange, type IsBad, traceRoot } from "./trace.ts";

export type VerifyOptions = {
	/** Default `metadata`. */
	level?: VerifyLevel;
	/** Of `sample`: which share of the packs, and which one. Default 0.05. */
	share?: number;
	seed?: string;
	/** Where an earlier call stopped. */
	cursor?: VerifyCursor | undefined;
	/** Reads this much of packs, then stops with a cursor. */
	maxBytes?: number;
	/** Called before each read of a pack with its bytes; a bandwidth cap waits here. */
	pace?: (bytes: number) => Promise<void>;
	memoryBudgetBytes?: number;
	progress?: (done: { packs: number; of: number; bytes: number }) => void;
	signal?: AbortSignal;
};

type Parts = { target: Target; keyring: Keyring; now: () => Date };

const defaultShare = 0.05;
const defaultMemoryBudgetBytes = 256 * 1024 * 1024;
const pageCacheBytes = 32 * 1024 * 1024;
const mostNames = 100;
/** The object of damage that is an absence. */
const unlisted = folders.index;

/**
 * Says what of the vault cannot be read, and what that means: which disks and ranges of which snapshots. Changes nothing;
 * backups, restores and collections may go on. `metadata` shows that every snapshot's tree reads and that all it names is
 * in a pack that is there; `everything` that each byte of each pack is what it was. Errors of the target are thrown.
 */
export async function verify(parts: Parts, options: VerifyOptions = {}): Promise<VerifyReport> {
	const { level = "metadata", share = defaultShare, seed = "", cursor, pace = async () => {}, signal } = options;
	if (!(share > 0 && share <= 1)) throw badArgument(`A share of ${share} is not possible: use more than 0, at most 1.`);
	const { memoryBudgetBytes = defaultMemoryBudgetBytes } = options;
	const place: CollectPlace = { ...parts, memoryBudgetBytes, signal };
	const findings = newFindings();
	const roots = await readRoots(parts, findings);
	const marked = await markRoots(place, roots, findings);
	const packs = [...marked.packs.values()].sort((one, other) => (one.id < other.id ? -1 : 1));
	const wanted = level === "sample" ? packs.filter(({ id }) => isSampled(id, seed, share)) : packs;
	const toRead: ReadonlySet<MarkedPack> = new Set(level === "metadata" ? [] : wanted);
	const report: VerifyReport = {
		level,
		complete: true,
		cursor: undefined,
		snapshots: roots.length,
		packs: { checked: 0, total: wanted.length },
		records: 0,
		bytes: 0,
		damage: [],
	};
	for (const pack of packs.filter(({ id }) => cursor === undefined || id > cursor.after)) {
		signal?.throwIfAborted();
		const reading = toRead.has(pack);
		if (reading && options.maxBytes !== undefined && report.bytes >= options.maxBytes) {
			report.complete = false;
			break;
		}
		await (reading ? readPack(parts, pack, pace, report, findings) : lookAtPack(parts, pack, findings));
		if (reading || level === "metadata") report.packs.checked++;
		report.cursor = { after: pack.id };
		options.progress?.({ packs: report.packs.checked, of: wanted.length, bytes: report.bytes });
	}
	if (report.complete) report.cursor = undefined;
	await findLost(place, findings);
	await traceAll(place, roots, findings);
	report.damage = findings.list();
	return report;
}

type Findings = ReturnType<typeof newFindings>;

/** Damage by object; and which damage a record's name belongs to. */
function newFindings() {
	const byObject = new Map<string, Damage>();
	const byName = new Map<string, Damage>();
	const latin1 = (name: Uint8Array) => Buffer.from(name).toString("latin1");
	/** Damage that is something's absence: it counts only where a snapshot that is still there needs it. */
	const absences = new Set<Damage>();
	function addAbsence(object: string, reason: string, name: Uint8Array): void {
		if (!byObject.has(object)) absences.add(add(object, reason, name));
		else add(object, reason, name);
	}
	function add(object: string, reason: string, name?: Uint8Array): Damage {
		const damage = byObject.get(object) ?? { object, reason, records: [], effects: [] };
		byObject.set(object, damage);
		if (name !== undefined) {
			if (damage.records.length < mostNames) damage.records.push(Buffer.from(name).toString("hex"));
			byName.set(latin1(name), damage);
		}
		return damage;
	}
	const suspects = new Set<string>();
	const goneIds = new Set<string>();
	return {
		add,
		addAbsence,
		/** A pack that is not there or whose own list does not read. */
		badPack({ id, liveRecords, indexedAtMs }: MarkedPack, error: VaultError): void {
			if (error.code !== "NOT_FOUND") return void add(packKey(id), error.message);
			// One that nothing needs may have been on its way out.
			if (liveRecords > 0 && indexedAtMs !== undefined) goneIds.add(id);
		},
		/** Packs that are needed and not there. */
		gone: (): ReadonlySet<string> => goneIds,
		isBad: (name: Uint8Array) => byName.has(latin1(name)),
		/** Something that is needed and that no index object lists: it may still be found by a hint. */
		suspect: (name: Uint8Array) => void suspects.add(latin1(name)),
		isSuspect: (name: Uint8Array) => suspects.has(latin1(name)),
		any: () => byName.size > 0 || suspects.size > 0,
		effect(name: Uint8Array, about: Omit<Effect, "ranges">, range: DamagedRange) {
			const damage = byName.get(latin1(name)) ?? add(unlisted, "Records that snapshots need are in no pack.", name);
			let effect = damage.effects.find(
				(one) =>
					one.snapshotId === about.snapshotId && one.instanceId === about.instanceId && one.diskId === about.diskId,
			);
			if (effect === undefined) {
				effect = { ...about, ranges: [] };
				damage.effects.push(effect);
			}
			addRange(effect.ranges, range);
		},
		list: () =>
			[...byObject.values()]
				.filter((damage) => !absences.has(damage) || damage.effects.length > 0)
				.sort((one, other) => (one.object < other.object ? -1 : 1)),
	};
}

/** Every root that reads; the others are damage, and take their snapshot with them. */
async function readRoots({ target, keyring }: Parts, findings: Findings): Promise<RootDocument[]> {
	const roots: RootDocument[] = [];
	for await (const { key } of target.list(folders.roots)) {
		try {
			const bytes = await target.get(key);
			if (peekType(bytes) === objectTypes.ended) openDocument(keyring, "ended", key, bytes);
			else roots.push(openDocument(keyring, "root", key, bytes));
		} catch (error) {
			if (isVaultError(error, "NOT_FOUND")) continue; // Deleted meanwhile.
			if (!isVaultError(error, "DAMAGED", "UNSUPPORTED_FORMAT")) throw error;
			findings.add(key, error.message);
		}
	}
	return roots;
}

async function markRoots(place: CollectPlace, roots: RootDocument[], findings: Findings): Promise<Marked> {
	const hex = (name: Uint8Array) => Buffer.from(name).toString("hex");
	const broken = (name: Uint8Array, error: VaultError) =>
		findings.addAbsence(error.object ?? hex(name), error.message, name);
	return mark(place, {
		condemned: { mine: new Set(), others: new Set() },
		tops: roots.flatMap(({ root, packs }) =>
			manifestsOf(root).flatMap(({ page }) => (page === null ? [] : [{ page, pack: packs[page] }])),
		),
		gone: [],
		indexBytes: await indexBytes(place),
		broken,
		// What it lists may still be found by hints, but not for sure.
		badIndex: (key, error) => void findings.add(key, error.message),
		missing: findings.suspect,
	});
}

async function lookAtPack({ target, keyring }: Parts, pack: MarkedPack, findings: Findings): Promise<void> {
	try {
		await readPackList(target, keyring, pack.id);
	} catch (error) {
		if (!isVaultError(error, "NOT_FOUND", "DAMAGED", "UNSUPPORTED_FORMAT")) throw error;
		findings.badPack(pack, error);
	}
}

async function readPack(
	parts: Parts,
	pack: MarkedPack,
	pace: (bytes: number) => Promise<void>,
	report: VerifyReport,
	findings: Findings,
): Promise<void> {
	const { target, keyring } = parts;
	let entries: PlacedEntry[];
	try {
		entries = await readPackList(target, keyring, pack.id);
	} catch (error) {
		if (!isVaultError(error, "NOT_FOUND", "DAMAGED", "UNSUPPORTED_FORMAT")) throw error;
		findings.badPack(pack, error);
		// Readers still find the records by the index objects.
		entries = isVaultError(error, "NOT_FOUND") ? [] : await entriesByIndex(parts, pack.id);
	}
	let check: PackCheck;
	try {
		check = await checkRecords(target, keyring, { id: pack.id, entries, pace });
	} catch (error) {
		// A collection took it meanwhile: what was in it is elsewhere, or needed by nobody, or lost.
		if (!isVaultError(error, "NOT_FOUND")) throw error;
		return findings.badPack(pack, error);
	}
	report.records += check.records;
	report.bytes += check.bytes;
	for (const { name, error } of check.wrong) findings.add(packKey(pack.id), error.message, name);
}

/** What index objects say of a pack whose own list does not read. */
async function entriesByIndex(parts: Parts, id: string): Promise<PlacedEntry[]> {
	const place = { ...parts, memoryBudgetBytes: 0, signal: undefined };
	for await (const { packs } of readIndexes(place, () => {})) {
		const found = packs.find((pack) => pack.id === id);
		if (found !== undefined) return [...readEntries(packKey(id), Buffer.from(found.entries), headerBytes)];
	}
	return [];
}

/** The records of packs that are not there and of no other pack are lost. */
async function findLost(place: CollectPlace, findings: Findings): Promise<void> {
	const gone = findings.gone();
	if (gone.size === 0) return;
	const lost = new Map<string, string>();
	const latin1 = (name: Uint8Array) => Buffer.from(name).toString("latin1");
	for (const found of [false, true]) {
		for await (const { packs } of readIndexes(place, () => {})) {
			for (const { id, entries } of packs.filter((pack) => gone.has(pack.id) !== found)) {
				for (const { name } of readEntries(packKey(id), Buffer.from(entries), headerBytes)) {
					if (found) lost.delete(latin1(name));
					else lost.set(latin1(name), id);
				}
			}
		}
	}
	for (const [name, id] of lost) {
		findings.addAbsence(packKey(id), `The object ${packKey(id)} is missing.`, Buffer.from(name, "latin1"));
	}
}

/** Only where something is damaged: walks every snapshot's trees to see which disks and ranges need it. */
async function traceAll(place: CollectPlace, roots: RootDocument[], findings: Findings): Promise<void> {
	if (!findings.any()) return;
	const { target, keyring, memoryBudgetBytes } = place;
	const catalog = newCatalog({ target, keyring, tableBudgetBytes: memoryBudgetBytes / 8, onGrow: () => {} });
	const records = newRecords({ target, keyring, catalog });
	const pages = newPages(records, pageCacheBytes);
	const isBad: IsBad = async (child) => {
		if (findings.isBad(child.name)) return true;
		if (!findings.isSuspect(child.name)) return false;
		return records.locate(child).then(
			() => false,
			(error) => {
				if (isVaultError(error, "DAMAGED", "NOT_FOUND")) return true;
				throw error;
			},
		);
	};
	for (const root of roots) {
		place.signal?.throwIfAborted();
		const effects: Parameters<typeof findings.effect>[] = [];
		await traceRoot(root, pages, isBad, (...effect) => void effects.push(effect));
		// A snapshot that was deleted meanwhile may have lost what it needed.
		if (await isThere(place, root)) for (const effect of effects) findings.effect(...effect);
	}
}

async function isThere({ target }: CollectPlace, { root }: RootDocument): Promise<boolean> {
	try {
		await target.head(rootKey(root.snapshotId));
		return true;
	} catch (error) {
		if (isVaultError(error, "NOT_FOUND")) return false;
		throw error;
	}
}

function isSampled(id: string, seed: string, share: number): boolean {
	const drawn = createHash("sha256").update(`${seed}/${id}`).digest().readUInt32LE() / 2 ** 32;
	return drawn < share;
}
