import { removeCapture } from "#store/captures.ts";
import { removeRestoresOf } from "#store/restores.ts";
import { removeRun, runIdOf } from "#store/runs.ts";
import { moveSnapshot, readSnapshot, removeSnapshot } from "#store/snapshots.ts";
import { collectLater } from "./collect-vault.ts";
import type { Outcome, RunTable, Step } from "./step.ts";
import { jobIdOf, jobsOfStep, judgeJobs, queue, stopJobs } from "./work.ts";

/**
 * A snapshot's deletion: the root on the target first, our documents second. Stopped half-way, the snapshot is still
 * listed and can be deleted again.
 */
export const deleteSnapshotRun: RunTable = {
	steps: { remove, forget },
	pointOfNoReturn: "remove",
	undo: { "undo-jobs": undoJobs, "undo-finish": undoFinish },
};

async function remove(step: Step): Promise<Outcome> {
	const { db, run } = step;
	const snapshot = await readSnapshot(db, run.subject_id);
	// Without instances it failed before anything was written.
	if (snapshot === null || snapshot.instances.length === 0) return { next: "forget" };
	const place = { target_id: snapshot.target_id, project_id: run.project_id, snapshot_id: snapshot._id };
	const _id = jobIdOf(run._id, "remove", "root");
	await queue(step, { _id, host: null, payload: { kind: "delete-snapshot", ...place } });
	return (await judgeJobs(step, await jobsOfStep(step, "remove"))) ?? { next: "forget" };
}

/** The snapshot's own document last: as long as it is there, somebody sees that the deletion is not over. */
async function forget(step: Step): Promise<Outcome> {
	const { db, run } = step;
	const snapshot = await readSnapshot(db, run.subject_id);
	if (snapshot !== null && snapshot.instances.length > 0) await collectLater(step, snapshot);
	await removeCapture(db, run.subject_id);
	await removeRestoresOf(db, run.subject_id);
	await removeRun(db, runIdOf("snapshot", run.subject_id));
	await removeSnapshot(db, run.subject_id);
	return { end: "done" };
}

async function undoJobs(step: Step): Promise<Outcome> {
	return (await stopJobs(step)) ?? { next: "undo-finish" };
}

async function undoFinish({ context, db, run }: Step): Promise<Outcome> {
	const error_msg = `The snapshot could not be deleted; delete it again. ${run.error_msg ?? ""}`.trim();
	await moveSnapshot(db, run.subject_id, { from: ["deleting"], to: "error", now: context.now(), set: { error_msg } });
	return { end: "failed" };
}
