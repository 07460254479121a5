import { secondsSetting } from "#functions/adapter/settings.ts";
import { CollectResult } from "#schemas/job.ts";
import { validate } from "#schemas/validate.ts";
import { startRun } from "#store/runs.ts";
import type { Outcome, RunTable, Step } from "./step.ts";
import { jobIdOf, jobsOfStep, judgeJobs, queue, stopJobs } from "./work.ts";

/**
 * Space that deleted and failed snapshots leave in a vault is given back some time later, for many of them at once: one
 * run for a vault and a stretch of time, started by whoever leaves garbage in it.
 */
export const collectVaultRun: RunTable = {
	steps: { collect, finish },
	pointOfNoReturn: "finish",
	undo: { "undo-jobs": undoJobs, "undo-finish": undoFinish },
};

const defaultCollectSeconds = 3_600;
/** A collection that waits for running backups is asked again after this time, */
const againMs = 10 * 60_000;
/** and not for ever: the next one goes on where this one waited. */
const longestMs = 24 * 3_600_000;

type Garbage = { target_id: string; project_id: string; workload_id: string };

/** Safe to repeat: all calls in one stretch of time mean the same run. */
export async function collectLater({ context, db }: Step, { target_id, project_id, workload_id }: Garbage) {
	const stretchMs = secondsSetting(context.settings, "HOLDFAST_COLLECT_SECONDS", defaultCollectSeconds);
	const now = context.now();
	const stretch = Math.floor(now.getTime() / stretchMs);
	const subject_id = `${target_id}/${project_id}/${stretch}`;
	const run = { kind: "collect-vault", project_id, workload_id, subject_id, step: "collect" } as const;
	await startRun(db, run, now, new Date((stretch + 1) * stretchMs));
}

async function collect(step: Step): Promise<Outcome> {
	const { context, run } = step;
	const jobs = await jobsOfStep(step, "collect");
	const outcome = await judgeJobs(step, jobs);
	if (outcome !== undefined) return outcome;
	const last = jobs.toSorted((one, other) => one.created_at.getTime() - other.created_at.getTime()).at(-1);
	if (last !== undefined) {
		const waits = validate(CollectResult, last.result, "result").state === "waiting";
		if (!waits || context.now().getTime() - run.step_at.getTime() > longestMs) return { next: "finish" };
		const waitMs = last.updated_at.getTime() + againMs - context.now().getTime();
		if (waitMs > 0) return { waitMs };
	}
	const target_id = run.subject_id.split("/")[0] as string;
	const payload = { kind: "collect-vault", target_id, project_id: run.project_id } as const;
	await queue(step, { _id: jobIdOf(run._id, "collect", String(jobs.length)), host: null, payload });
	return (await judgeJobs(step, await jobsOfStep(step, "collect"))) ?? { waitMs: 0 };
}

async function finish(): Promise<Outcome> {
	return { end: "done" };
}

async function undoJobs(step: Step): Promise<Outcome> {
	return (await stopJobs(step)) ?? { next: "undo-finish" };
}

/** The run keeps the reason; the next garbage in this vault starts another. */
async function undoFinish(): Promise<Outcome> {
	return { end: "failed" };
}
