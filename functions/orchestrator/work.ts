import { secondsSetting } from "#functions/adapter/settings.ts";
import type { JobDocument } from "#schemas/job.ts";
import { listAgents, serves } from "#store/agents.ts";
import { cancelJobs, isOpen, jobsOf, type NewJob, queueJob } from "#store/jobs.ts";
import type { Outcome, Step } from "./step.ts";

/** A job's end nudges its run; this is only for nudges that get lost. */
const jobPollMs = 30_000;
const defaultAgentWaitSeconds = 600;

/** `<run>/<step>/<subject>`: the same job however often the step is run. */
export const jobIdOf = (runId: string, step: string, subject: string): string => `${runId}/${step}/${subject}`;

export async function queue({ context, db, run }: Step, job: Omit<NewJob, "run_id" | "project_id">): Promise<void> {
	const queued = await queueJob(db, { ...job, run_id: run._id, project_id: run.project_id }, context.now());
	if (queued) context.log("job-queued", { run_id: run._id, job_id: job._id, kind: job.payload.kind, host: job.host });
}

/** The run's jobs of one step. */
export async function jobsOfStep({ db, run }: Step, step: string): Promise<JobDocument[]> {
	const prefix = jobIdOf(run._id, step, "");
	return (await jobsOf(db, run._id)).filter((job) => job._id.startsWith(prefix));
}

/** What jobs mean for their run: undefined when all are done, else to wait for them or to fail with the first's reason. */
export async function judgeJobs(step: Step, jobs: readonly JobDocument[]): Promise<Outcome | undefined> {
	const failed = jobs.find((job) => job.state === "failed");
	if (failed)
		return { fail: failed.error?.message ?? `The job ${failed._id} failed without a reason; look at the agent's log.` };
	const dropped = jobs.find((job) => job.state === "cancelled");
	if (dropped)
		return { fail: `The agent on ${dropped.owner ?? "its host"} gave up the job ${dropped._id}; look at its log.` };
	const open = jobs.filter(isOpen);
	if (open.length === 0) return undefined;
	return (await unserved(step, open)) ?? { waitMs: jobPollMs };
}

/** A job that nobody has touched for long, and that no agent would take: waiting more is no use. */
async function unserved({ context, db }: Step, open: readonly JobDocument[]): Promise<Outcome | undefined> {
	const now = context.now();
	const limitMs = secondsSetting(context.settings, "HOLDFAST_AGENT_WAIT_SECONDS", defaultAgentWaitSeconds);
	const waiting = open.filter((job) => now.getTime() - job.available_at.getTime() > limitMs);
	if (waiting.length === 0) return undefined;
	const agents = await listAgents(db);
	const lost = waiting.find(({ host, target_id }) => !agents.some((agent) => serves(agent, host, target_id, now)));
	if (lost === undefined) return undefined;
	const where = lost.host === null ? "" : ` on host ${lost.host}`;
	// T4O's text, its space included.
	return {
		fail: `No valid host was found. No agent${where} with target ${lost.target_id} is Up; start it and try again.`,
	};
}

/** Ends what is still open of a run. Waits until every agent has answered or its lease is over, then answers undefined. */
export async function stopJobs({ context, db, run }: Step): Promise<Outcome | undefined> {
	await cancelJobs(db, run._id, context.now());
	const open = (await jobsOf(db, run._id)).filter(isOpen);
	if (open.length === 0) return undefined;
	const firstEnd = Math.min(...open.map((job) => job.available_at.getTime()));
	return { waitMs: Math.max(1_000, Math.min(jobPollMs, firstEnd - context.now().getTime())) };
}
