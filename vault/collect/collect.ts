import { VaultError } from "../errors.ts";
import { deletedKey } from "../format/names.ts";
import { condemn, finish, type Group, keepWaits, readGroups, rescue } from "./groups.ts";
import { type Condemned, indexBytes } from "./inventory.ts";
import { type Marked, type MarkedPack, mark } from "./mark.ts";
import type { CollectPlace } from "./place.ts";
import { type Repacked, repack, wasteful } from "./repack.ts";
import { listSessions, removeEndMark, type Session, type Survey, survey } from "./survey.ts";
import { type Swept, sweep } from "./sweep.ts";

export type CollectOptions = {
	/** Says what would be done, and does nothing. */
	plan?: boolean;
	/** Packs with a larger share of garbage than this are repacked. 1 repacks none. Default 0.5. */
	repackAbove?: number;
	/** Size of a pack that repacking fills, in bytes. Default 32 MiB. */
	packBytes?: number;
	/** What the tables of names may take, in bytes. Default 256 MiB. Less means more passes, never another result. */
	memoryBudgetBytes?: number;
	progress?: (step: CollectProgress) => void;
	signal?: AbortSignal;
};

export type CollectProgress = { step: "mark" | "repack" | "sweep"; count: number };

export type CollectReport = {
	/** `waiting`: packs are condemned, and go when the sessions in `waitingFor` have ended and `collect` is called again. */
	state: "done" | "waiting" | "planned";
	/** Packs that nothing needs, and their bytes. Only planned, condemned, or deleted, as `state` says. */
	garbage: { packs: number; bytes: number };
	/** Packs that are mostly garbage, and what of them is live: that was, or would be, copied. */
	repacked: { packs: number; bytesCopied: number };
	deleted: { packs: number; bytes: number };
	/** Packs that were condemned and turned out to be needed by a snapshot that came meanwhile. */
	rescued: number;
	live: { packs: number; bytes: number };
	waitingFor: Session[];
	/** Packs that hold damaged records: verify the vault. */
	damaged: string[];
	indexObjects: { before: number; after: number } | undefined;
};

const defaultMemoryBudgetBytes = 256 * 1024 * 1024;
const defaultPackBytes = 32 * 1024 * 1024;
const defaultRepackAbove = 0.5;
/** Condemned objects, end marks and tombstones stay this long at least, and for two more collections. */
const keepMs = 30 * 24 * 3_600_000;
const collectionsToKeep = 2;
const clockSkewMs = 3_600_000;

/**
 * Gives back the space of what no snapshot needs. Safe with backups, restores, copies and other collections at the same
 * time, whatever the clocks say: docs/format.md, "Collection", has the steps and why. Never waits: where a session is
 * alive that may rely on condemned packs, it reports `waiting`, and the next call, by any process, goes on. Safe to
 * repeat and to kill. Throws DAMAGED where something that a snapshot needs is missing, and BAD_ARGUMENT for a target
 * whose lists lag.
 */
export async function collect(
	place: Pick<CollectPlace, "target" | "keyring" | "now">,
	options: CollectOptions = {},
): Promise<CollectReport> {
	if (!place.target.capabilities.listAfterWrite) {
		const sentence = `Lists of the ${place.target.description} may lag behind, so a collection could miss a running backup.`;
		throw new VaultError("BAD_ARGUMENT", `${sentence} Collect on a target whose lists do not.`);
	}
	const { memoryBudgetBytes = defaultMemoryBudgetBytes, signal, plan = false } = options;
	const at: CollectPlace = { ...place, memoryBudgetBytes, signal };
	const report = emptyReport();
	const groups = await readGroups(at);
	if (!plan) {
		for (const group of groups.filter(({ done }) => !done)) await goOn(at, options, group, report);
		if (report.waitingFor.length > 0) return { ...report, state: "waiting" };
	}
	await begin(at, options, plan ? groups : await readGroups(at), report);
	if (report.state !== "done") return report;
	await expire(at, await readGroups(at));
	return report;
}

const emptyReport = (): CollectReport => ({
	state: "done",
	garbage: { packs: 0, bytes: 0 },
	repacked: { packs: 0, bytesCopied: 0 },
	deleted: { packs: 0, bytes: 0 },
	rescued: 0,
	live: { packs: 0, bytes: 0 },
	waitingFor: [],
	damaged: [],
	indexObjects: undefined,
});

/**
 * Packs that were indexed later than this, or not at all, may belong to a backup that is under way. To condemn them would
 * be safe, but the backup could not go on with them after a crash; so they are left to the next collection. Only that
 * depends on clocks.
 */
function youngFrom(sessions: Session[]): number {
	const starts = sessions.map(({ startedAt }) => Date.parse(startedAt)).filter((ms) => !Number.isNaN(ms));
	return starts.length === 0 ? Number.POSITIVE_INFINITY : Math.min(...starts) - clockSkewMs;
}

/** Steps 1 to 3: mark, condemn, ask who is alive; and the rest at once where nobody is. */
async function begin(
	place: CollectPlace,
	options: CollectOptions,
	groups: Group[],
	report: CollectReport,
): Promise<void> {
	const youngMs = youngFrom(await listSessions(place));
	const there = await survey(place);
	const others = new Set(groups.flatMap(({ packs }) => packs));
	const marked = await markAll(place, options, there, { mine: new Set(), others }, []);
	const packs = [...marked.packs.values()];
	const garbage = packs.filter(
		({ sizeBytes, liveRecords, indexedAtMs }) =>
			sizeBytes > 0 && liveRecords === 0 && (indexedAtMs ?? Number.MAX_SAFE_INTEGER) < youngMs,
	);
	const live = packs.filter(({ liveRecords }) => liveRecords > 0);
	report.garbage = { packs: garbage.length, bytes: sum(garbage, "sizeBytes") };
	report.live = { packs: live.length, bytes: sum(live, "liveBytes") };
	const chosen = wasteful(packs, options.repackAbove ?? defaultRepackAbove, place.memoryBudgetBytes);
	if (options.plan) {
		report.repacked = { packs: chosen.length, bytesCopied: sum(chosen, "liveBytes") };
		report.state = "planned";
		return;
	}
	const emptied = chosen.length === 0 ? [] : await repackIn(place, options, there, chosen, report);
	const doomed = [...garbage.map(({ id }) => id), ...emptied];
	if (doomed.length === 0) {
		// Nothing to condemn, but the index may have grown into many small objects.
		const swept = await sweep(place, new Map());
		report.indexObjects = { before: swept.indexObjectsBefore, after: swept.indexObjectsAfter };
		return;
	}
	const group = await condemn(place, {
		packs: doomed,
		deletedSeen: [...there.deleted.keys()],
		endedSeen: there.ended,
		after: groups.filter(({ done }) => done).map(({ id }) => id),
	});
	await goOn(place, options, group, report);
	if (report.waitingFor.length > 0) report.state = "waiting";
}

async function repackIn(
	place: CollectPlace,
	options: CollectOptions,
	there: Survey,
	chosen: MarkedPack[],
	report: CollectReport,
): Promise<string[]> {
	const done: Repacked = await repack(place, {
		packs: chosen,
		packBytes: options.packBytes ?? defaultPackBytes,
		tops: there.roots.flatMap(({ tops }) => tops),
		gone: [],
		progress: (count) => options.progress?.({ step: "repack", count }),
	});
	report.repacked = { packs: done.emptied.length, bytesCopied: done.bytesCopied };
	report.damaged.push(...done.damaged);
	return done.emptied;
}

/** Steps 3 to 6 of a collection that has condemned its packs. */
async function goOn(place: CollectPlace, options: CollectOptions, found: Group, report: CollectReport): Promise<void> {
	const sessions = await listSessions(place);
	const group =
		found.waits === undefined
			? await keepWaits(
					place,
					found,
					sessions.map(({ id }) => id),
				)
			: found;
	const alive = sessions.filter(({ id }) => group.waits?.includes(id));
	if (alive.length > 0) {
		report.waitingFor.push(...alive);
		return;
	}
	const there = await survey(place);
	const others = new Set((await readGroups(place)).filter(({ id }) => id !== group.id).flatMap(({ packs }) => packs));
	const condemned = { mine: new Set(group.packs), others };
	const unseen = [...there.deleted].filter(([id]) => !group.deletedSeen.includes(id)).flatMap(([, pages]) => pages);
	const marked = await markAll(place, options, there, condemned, unseen);
	const rescued = new Set(group.packs.filter((id) => (marked.packs.get(id)?.liveRecords ?? 0) > 0));
	const left = rescued.size === 0 ? group : await rescue(place, group, rescued);
	const dead = new Map(
		left.packs.filter((id) => !rescued.has(id)).map((id) => [id, marked.packs.get(id)?.sizeBytes ?? 0]),
	);
	const swept: Swept = await sweep(place, dead, (count) => options.progress?.({ step: "sweep", count }));
	await finish(place, left);
	report.rescued += rescued.size;
	report.deleted.packs += swept.packsDeleted;
	report.deleted.bytes += swept.bytesFreed;
	report.indexObjects = {
		before: report.indexObjects?.before ?? swept.indexObjectsBefore,
		after: swept.indexObjectsAfter,
	};
}

async function markAll(
	place: CollectPlace,
	options: CollectOptions,
	there: Survey,
	condemned: Condemned,
	gone: string[],
): Promise<Marked> {
	return mark(place, {
		condemned,
		tops: there.roots.flatMap(({ tops }) => tops),
		gone,
		indexBytes: await indexBytes(place),
		progress: (count) => options.progress?.({ step: "mark", count }),
	});
}

/** Forgets collections that are done, old, and followed by two others that are done, with the marks that they saw. */
async function expire(place: CollectPlace, groups: Group[]): Promise<void> {
	const done = groups.filter((group) => group.done);
	for (const group of done) {
		const followers = done.filter(({ after }) => after.includes(group.id)).length;
		if (followers < collectionsToKeep || place.now().getTime() - group.startedAt.getTime() < keepMs) continue;
		for (const id of group.deletedSeen) await place.target.delete(deletedKey(id));
		for (const id of group.endedSeen) await removeEndMark(place, id);
		for (const key of group.keys) await place.target.delete(key);
	}
}

const sum = (packs: MarkedPack[], field: "sizeBytes" | "liveBytes") =>
	packs.reduce((total, pack) => total + pack[field], 0);
