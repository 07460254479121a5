import { createHash } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import { type Static, Type } from "typebox";
import { JobError, JobPayload, type JobProgress } from "#schemas/job.ts";
import { Count } from "#schemas/primitive.ts";
import { validate } from "#schemas/validate.ts";
import type { DiskCounters } from "./jobs/context.ts";

/** How a job ended, until the datamover API has taken note of it. */
const Outcome = Type.Union([
	Type.Object({ state: Type.Literal("done"), result: Type.Unknown() }),
	Type.Object({ state: Type.Literal("failed"), error: JobError }),
	Type.Object({ state: Type.Literal("cancelled") }),
]);
export type Outcome = Static<typeof Outcome>;

const Claim = Type.Object({ id: Type.String(), lease_token: Type.String(), attempt: Count, payload: JobPayload });
export type Claim = Static<typeof Claim>;

/** What the journal knows about a job. */
export type Entry = {
	claim: Claim;
	/** Packs that are durable on the target, oldest first. */
	packs: string[];
	/** What the disks had cost when the last pack was kept. */
	counters: Record<string, DiskCounters>;
	/** How far this claim's work was by then. */
	progress: JobProgress | undefined;
	outcome: Outcome | undefined;
	/** When the lease was lost or the attempt failed; the packs are a hint for a next attempt. */
	droppedAt: Date | undefined;
};

/**
 * One file per job, `<hash of its id>.jsonl`: the claim first, then a line for each event. A line is durable when its
 * call resolves; a torn last line is one that was never answered, and is ignored.
 */
export type Journal = {
	/** Everything that was kept, dropped entries included; entries that were dropped a day ago are removed. */
	load(): Promise<Entry[]>;
	/** Keeps a new claim before its work starts. Packs of an earlier claim of the same job are carried over. */
	begin(claim: Claim): Promise<Entry>;
	keepPack(entry: Entry, pack: Pack): Promise<void>;
	end(entry: Entry, outcome: Outcome): Promise<void>;
	/** The job is another's now, or failed and may be tried again: only its packs are still of use. */
	drop(entry: Entry): Promise<void>;
	/** The job is over. Safe to repeat. */
	remove(entry: Entry): Promise<void>;
};

export type Pack = {
	pack: string;
	counters: Record<string, DiskCounters>;
	progress: JobProgress | undefined;
};

/** An attempt that has not come back to this host by then will not. */
const hintLifetimeMs = 24 * 60 * 60 * 1000;

type Line = Partial<Pack> & {
	claim?: Claim;
	packs?: string[];
	outcome?: Outcome;
	dropped_at?: string;
};

const nameOf = (jobId: string): string => `${createHash("sha256").update(jobId).digest("hex").slice(0, 32)}.jsonl`;

export const newEntry = (claim: Claim): Entry => ({
	...{ claim, packs: [], counters: {} },
	...{ progress: undefined, outcome: undefined, droppedAt: undefined },
});

const apply = (entry: Entry, { packs, pack, counters, progress, outcome, dropped_at }: Line): void => {
	if (packs) entry.packs.push(...packs);
	if (pack) entry.packs.push(pack);
	if (counters) entry.counters = counters;
	if (progress) entry.progress = progress;
	if (outcome) entry.outcome = validate(Outcome, outcome, "outcome");
	if (dropped_at) entry.droppedAt = new Date(dropped_at);
};

/** Undefined when not even the claim is whole: then no work was done under it. */
const parse = (text: string): Entry | undefined => {
	let entry: Entry | undefined;
	for (const line of text.split("\n").slice(0, -1)) {
		const value = JSON.parse(line) as Line;
		if (value.claim) {
			const claim = validate(Claim, value.claim, "claim");
			entry = newEntry(claim);
		}
		if (entry) apply(entry, value);
	}
	return entry;
};

const syncFolder = async (folder: string): Promise<void> => {
	const handle = await open(folder, "r");
	await handle.sync().finally(() => handle.close());
};

/** `onDamaged` hears about files that cannot be read; they are set aside, and their jobs' leases run out. */
export const openJournal = async (
	folder: string,
	{ now, onDamaged }: { now: () => Date; onDamaged: (file: string, reason: string) => void },
): Promise<Journal> => {
	await mkdir(folder, { recursive: true, mode: 0o700 });
	const entries = new Map<string, Entry>();
	/** One line after the other, and nothing after a removal. */
	const turns = new Map<string, Promise<unknown>>();

	const inTurn = <T>(jobId: string, work: () => Promise<T>): Promise<T> => {
		const turn = (turns.get(jobId) ?? Promise.resolve()).catch(() => {}).then(work);
		const kept = turn.catch(() => {}).finally(() => turns.get(jobId) === kept && turns.delete(jobId));
		turns.set(jobId, kept);
		return turn;
	};
	const writeDurably = async (file: FileHandle, line: Line): Promise<void> => {
		try {
			await file.writeFile(`${JSON.stringify(line)}\n`);
			await file.sync();
		} finally {
			await file.close();
		}
	};
	const append = (entry: Entry, line: Line): Promise<void> =>
		inTurn(entry.claim.id, async () => {
			// A newer claim of the same job has its own file content; late events of the old one have no place in it.
			if (entries.get(entry.claim.id) !== entry) return;
			apply(entry, line);
			await writeDurably(await open(join(folder, nameOf(entry.claim.id)), "a", 0o600), line);
		});

	return {
		async load() {
			for (const name of await readdir(folder)) {
				const path = join(folder, name);
				if (!name.endsWith(".jsonl")) {
					if (name.endsWith(".new")) await rm(path);
					continue;
				}
				try {
					const text = await readFile(path, "utf8");
					const entry = parse(text);
					const old = entry?.droppedAt && now().getTime() - entry.droppedAt.getTime() > hintLifetimeMs;
					if (!entry || old) await rm(path);
					else entries.set(entry.claim.id, entry);
					// The next line must not be glued to a torn one.
					if (entry && !old) await truncate(path, Buffer.byteLength(text.slice(0, text.lastIndexOf("\n") + 1)));
				} catch (error) {
					await rename(path, `${path}.damaged`);
					onDamaged(`${path}.damaged`, (error as Error).message);
				}
			}
			return [...entries.values()];
		},
		begin: (claim) =>
			inTurn(claim.id, async () => {
				const earlier = entries.get(claim.id);
				const packs = earlier?.packs ?? [];
				const counters = earlier?.counters ?? {};
				const path = join(folder, nameOf(claim.id));
				await writeDurably(await open(`${path}.new`, "w", 0o600), { claim, packs, counters });
				await rename(`${path}.new`, path);
				await syncFolder(folder);
				const entry: Entry = { ...newEntry(claim), packs: [...packs], counters };
				entries.set(claim.id, entry);
				return entry;
			}),
		keepPack: (entry, pack) => append(entry, pack),
		end: (entry, outcome) => append(entry, { outcome }),
		drop: (entry) => append(entry, { dropped_at: now().toISOString() }),
		remove: (entry) =>
			inTurn(entry.claim.id, async () => {
				if (entries.get(entry.claim.id) !== entry) return;
				entries.delete(entry.claim.id);
				await rm(join(folder, nameOf(entry.claim.id)), { force: true });
			}),
	};
};
