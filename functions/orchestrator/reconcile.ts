import type { Db } from "mongodb";
import type { Context } from "#functions/adapter/context.ts";
import { failExhaustedJobs } from "#store/claim.ts";
import { purgeJobs } from "#store/jobs.ts";
import { releaseMembers } from "#store/members.ts";
import { moveRestore, staleRestores } from "#store/restores.ts";
import { nudgeRun, purgeRuns, readRun, runIdOf, startRun } from "#store/runs.ts";
import { countSnapshots, moveSnapshot, staleSnapshots, unlockSnapshot } from "#store/snapshots.ts";
import { moveWorkload, removeWorkload, staleWorkloads, unlockWorkload } from "#store/workloads.ts";

/** Older than any handler can be at work: what is half-done for this long was left by a crash. */
const leftBehindMs = 60_000;
/** Repairs of each kind in one pass; the next pass takes the rest. */
const batch = 50;
/** How long the jobs and runs of the past are kept for whoever looks into them. */
const keepMs = 7 * 24 * 3_600_000;

const cutShort = "The request that started it was cut short; start it again.";

/** Makes good what crashes between two steps of a request left behind. Safe to repeat and to run many times at once. */
export async function reconcile(context: Context): Promise<void> {
	const db = await context.database();
	const before = new Date(context.now().getTime() - leftBehindMs);
	for (const runId of await failExhaustedJobs(db, context.now(), batch)) await nudgeRun(db, runId, context.now());
	await finishSnapshots(context, db, before);
	await finishRestores(context, db, before);
	await finishWorkloads(context, db, before);
	const longAgo = new Date(context.now().getTime() - keepMs);
	await purgeJobs(db, longAgo);
	await purgeRuns(db, longAgo);
}

/** The run's state, or undefined when there is none. */
async function stateOf(db: Db, runId: string | null) {
	return runId === null ? undefined : (await readRun(db, runId))?.state;
}

async function finishSnapshots(context: Context, db: Db, before: Date): Promise<void> {
	const now = context.now();
	for (const status of ["creating", "cancelling"] as const) {
		for (const { _id } of await staleSnapshots(db, status, before, batch)) {
			if ((await stateOf(db, runIdOf("snapshot", _id))) !== undefined) continue;
			const set = { error_msg: cutShort, finished_at: now };
			await moveSnapshot(db, _id, { from: [status], to: "error", now, set });
			context.log("reconciled", { snapshot_id: _id, was: status, is: "error" });
		}
	}
	for (const { _id, locked_by } of await staleSnapshots(db, "restoring", before, batch)) {
		if ((await stateOf(db, locked_by)) === "active") continue;
		await unlockSnapshot(db, _id, locked_by as string, now);
		context.log("reconciled", { snapshot_id: _id, was: "restoring", is: "available" });
	}
	for (const { _id, project_id, workload_id } of await staleSnapshots(db, "deleting", before, batch)) {
		if ((await stateOf(db, runIdOf("delete-snapshot", _id))) === "active") continue;
		await startRun(db, { kind: "delete-snapshot", project_id, workload_id, subject_id: _id, step: "remove" }, now);
		context.log("reconciled", { snapshot_id: _id, was: "deleting without a run", is: "deleting" });
	}
}

async function finishRestores(context: Context, db: Db, before: Date): Promise<void> {
	const now = context.now();
	for (const status of ["creating", "cancelling"] as const) {
		for (const { _id } of await staleRestores(db, status, before, batch)) {
			if ((await stateOf(db, runIdOf("restore", _id))) !== undefined) continue;
			await moveRestore(db, _id, { from: [status], to: "error", now, set: { error_msg: cutShort, finished_at: now } });
			context.log("reconciled", { restore_id: _id, was: status, is: "error" });
		}
	}
}

async function finishWorkloads(context: Context, db: Db, before: Date): Promise<void> {
	const now = context.now();
	for (const { _id, locked_by } of await staleWorkloads(db, "locked", before, batch)) {
		if ((await stateOf(db, locked_by)) === "active") continue;
		await unlockWorkload(db, _id, locked_by as string, now);
		context.log("reconciled", { workload_id: _id, was: "locked", is: "available" });
	}
	for (const { _id } of await staleWorkloads(db, "deleting", before, batch)) {
		if ((await countSnapshots(db, _id)) > 0) {
			await moveWorkload(db, _id, { from: ["deleting"], to: "available", now });
			continue;
		}
		await releaseMembers(db, _id);
		await removeWorkload(db, _id);
		context.log("reconciled", { workload_id: _id, was: "deleting", is: "deleted" });
	}
}
