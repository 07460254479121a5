import type { Collection, Db } from "mongodb";
import type { RunDocument, RunKind } from "#schemas/run.ts";
import { isDuplicate } from "./duplicate.ts";
import type { Indexes } from "./indexes.ts";
import { removeJobsOf } from "./jobs.ts";
import { checkMove, type Transitions } from "./transition.ts";

export const runMoves: Transitions<RunDocument["state"]> = {
	active: ["active", "done", "failed"],
	done: [],
	// A deletion that failed may be asked for again.
	failed: ["active"],
};

export const runIndexes: Indexes = [
	{ state: 1, available_at: 1 },
	{ state: 1, updated_at: 1 },
];

export const runs = (db: Db): Collection<RunDocument> => db.collection("runs");

export const runIdOf = (kind: RunKind, subjectId: string): string => `${kind}:${subjectId}`;

export type NewRun = Pick<RunDocument, "kind" | "project_id" | "workload_id" | "subject_id" | "step">;

/**
 * Starts a run and answers its id. Starting one that is active changes nothing; one that failed starts afresh,
 * without its old jobs. It is looked at from `dueAt` on. Only the caller that won the subject's compare-and-set may start.
 */
export async function startRun(db: Db, run: NewRun, now: Date, dueAt = now): Promise<string> {
	const _id = runIdOf(run.kind, run.subject_id);
	const fresh = {
		...run,
		step_at: now,
		state: "active",
		error_msg: null,
		cancel_requested: false,
		available_at: dueAt,
		lease_token: null,
		nudges: 0,
		attempts: 0,
		created_at: now,
		updated_at: now,
	} as const;
	try {
		await runs(db).insertOne({ _id, ...fresh });
	} catch (error) {
		if (!isDuplicate(error)) throw error;
		const old = await runs(db).findOne({ _id });
		if (old?.state === "failed") {
			await removeJobsOf(db, _id);
			checkMove(runMoves, "run", ["failed"], "active");
			await runs(db).updateOne({ _id, state: "failed" }, { $set: fresh });
		}
	}
	return _id;
}

export async function readRun(db: Db, id: string): Promise<RunDocument | null> {
	return runs(db).findOne({ _id: id });
}

/**
 * Says that something has happened that the run waits for. A run that waits becomes due; one that is held right now
 * is looked at again by its holder before it lets go, because `releaseRun` sees the raised count. Never lost, may be
 * repeated. False when the run is over or unknown.
 */
export async function nudgeRun(db: Db, id: string, now: Date): Promise<boolean> {
	const { matchedCount } = await runs(db).updateOne({ _id: id, state: "active" }, { $inc: { nudges: 1 } });
	if (matchedCount === 0) return false;
	await runs(db).updateOne(
		{ _id: id, state: "active", lease_token: null, available_at: { $gt: now } },
		{ $set: { available_at: now } },
	);
	return true;
}

/** Asks for the end of a run and nudges it. False when it is over or unknown. Safe to repeat. */
export async function cancelRun(db: Db, id: string, now: Date): Promise<boolean> {
	await runs(db).updateOne({ _id: id, state: "active" }, { $set: { cancel_requested: true } });
	return nudgeRun(db, id, now);
}

/** Removes runs that ended before `before`. Safe to repeat. */
export async function purgeRuns(db: Db, before: Date): Promise<number> {
	const { deletedCount } = await runs(db).deleteMany({
		state: { $in: ["done", "failed"] },
		updated_at: { $lt: before },
	});
	return deletedCount;
}

/** Removes a run that is over and its jobs. Safe to repeat. */
export async function removeRun(db: Db, id: string): Promise<void> {
	await removeJobsOf(db, id);
	await runs(db).deleteOne({ _id: id, state: { $in: ["done", "failed"] } });
}
