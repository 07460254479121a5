import type { Db } from "mongodb";
import type { JobDocument } from "#schemas/job.ts";
import { jobsOf } from "#store/jobs.ts";
import { showRestoreProgress } from "#store/restores.ts";
import { readRun } from "#store/runs.ts";
import { showSnapshotProgress } from "#store/snapshots.ts";

/** Adds up what the jobs of a run have done so far and shows it on the snapshot or restore. Safe to repeat. */
export async function showProgress(db: Db, runId: string): Promise<void> {
	const run = await readRun(db, runId);
	if (run === null || run.state !== "active" || run.step !== "transfer") return;
	const jobs = (await jobsOf(db, runId)).filter((job) => job.progress !== null);
	if (jobs.length === 0) return;
	const sum = (field: keyof NonNullable<JobDocument["progress"]>) =>
		jobs.reduce((total, { progress }) => total + (progress?.[field] ?? 0), 0);
	const done_bytes = sum("done_bytes");
	if (run.kind === "restore") await showRestoreProgress(db, run.subject_id, { done_bytes });
	if (run.kind === "snapshot") {
		await showSnapshotProgress(db, run.subject_id, { done_bytes, uploaded_size: sum("stored_bytes") });
	}
}
