import { readCapture } from "#store/captures.ts";
import { jobsOf } from "#store/jobs.ts";
import { moveSnapshot, readSnapshot, runningStates } from "#store/snapshots.ts";
import { unlockWorkload } from "#store/workloads.ts";
import { capture } from "./capture.ts";
import { collectLater } from "./collect-vault.ts";
import type { Outcome, RunTable, Step } from "./step.ts";
import { transfer } from "./transfer.ts";
import { jobIdOf, jobsOfStep, judgeJobs, queue, stopJobs } from "./work.ts";

/**
 * A snapshot: capture → transfer → commit → finish. The root on the target makes it exist (commit); the database says
 * so only after (finish). Invariant: `available` here implies a root there, never the other way round.
 */
export const snapshotRun: RunTable = {
	steps: { capture, transfer, commit, finish },
	pointOfNoReturn: "finish",
	undo: { "undo-jobs": undoJobs, "undo-vault": undoVault, "undo-finish": undoFinish },
};

/** One job on any host writes the root: all instances, all captured metadata. */
async function commit(step: Step): Promise<Outcome> {
	const { db, run } = step;
	const jobs = await jobsOfStep(step, "commit");
	if (jobs.length > 0) return (await judgeJobs(step, jobs)) ?? { next: "finish" };
	const [snapshot, capture] = [await readSnapshot(db, run.subject_id), await readCapture(db, run.subject_id)];
	if (snapshot === null || capture === null) return { fail: "The snapshot has been removed." };
	if (snapshot.status === "cancelling") return { cancelled: true };
	const instances = snapshot.instances.map(({ id, disks }) => ({
		instanceId: id,
		disks: disks.map(({ disk_id, device, manifest }) => {
			if (manifest === null) throw new Error(`Disk ${disk_id} of instance ${id} has no manifest.`);
			return { diskId: disk_id, device, manifest };
		}),
	}));
	const root = {
		snapshotId: snapshot._id,
		workloadId: snapshot.workload_id,
		createdAt: snapshot.created_at.toISOString(),
		instances,
		captured: capture.captured,
	};
	const payload = { kind: "commit-snapshot", target_id: snapshot.target_id, project_id: run.project_id, root } as const;
	await queue(step, { _id: jobIdOf(run._id, "commit", "root"), host: null, priority: 1, payload });
	return (await judgeJobs(step, await jobsOfStep(step, "commit"))) ?? { next: "finish" };
}

/** The snapshot first, the workload second: T4O's clients wait for the workload and then read the snapshot once. */
async function finish({ context, db, run }: Step): Promise<Outcome> {
	const now = context.now();
	const set = { progress_msg: "Snapshot is complete", error_msg: null, finished_at: now };
	await moveSnapshot(db, run.subject_id, { from: ["uploading", "cancelling"], to: "available", now, set });
	await unlockWorkload(db, run.workload_id, run._id, now);
	return { end: "done" };
}

/** No agent works for the snapshot any more when this is done. */
async function undoJobs(step: Step): Promise<Outcome> {
	return (await stopJobs(step)) ?? { next: "undo-vault" };
}

/**
 * What agents have written becomes garbage for collection. The job is queued and not waited for: it needs no more of
 * this run, and an agent that comes back in an hour may still do it. It is tried until it succeeds: a commit may have
 * come before the failure or cancel, and a root that nobody lists would keep its data for ever.
 */
async function undoVault(step: Step): Promise<Outcome> {
	const { db, run } = step;
	const snapshot = await readSnapshot(db, run.subject_id);
	const touched = (await jobsOf(db, run._id)).some((job) => job.attempts > 0);
	if (snapshot !== null && touched) {
		const place = { target_id: snapshot.target_id, project_id: run.project_id, snapshot_id: snapshot._id };
		const _id = jobIdOf(run._id, "undo-vault", "session");
		await queue(step, { _id, host: null, max_attempts: null, payload: { kind: "delete-snapshot", ...place } });
		await collectLater(step, snapshot);
	}
	return { next: "undo-finish" };
}

async function undoFinish({ context, db, run }: Step): Promise<Outcome> {
	const now = context.now();
	const to = run.error_msg === null ? "cancelled" : "error";
	const progress_msg = to === "cancelled" ? "Snapshot is cancelled" : "Snapshot has failed";
	const set = { error_msg: run.error_msg, progress_msg, finished_at: now };
	await moveSnapshot(db, run.subject_id, { from: [...runningStates, "cancelling"], to, now, set });
	await unlockWorkload(db, run.workload_id, run._id, now);
	return { end: "failed" };
}
