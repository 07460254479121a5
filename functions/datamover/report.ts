import type { Db } from "mongodb";
import { BackupResult, type JobDocument, type JobError } from "#schemas/job.ts";
import type { JobReport } from "#schemas/sync.ts";
import { validate } from "#schemas/validate.ts";
import { endJob, extendLease, readJob, retryJob } from "#store/jobs.ts";

export type Answer = "ok" | "cancel" | "lost";

/** What a report did: the answer for the agent, and whether its run has something to look at now. */
export type Recorded = { answer: Answer; job: JobDocument | null; ended: boolean };

const firstRetryMs = 2_000;
const longestRetryMs = 60_000;
/** For jobs that are tried until they succeed: a target may be away for days. */
const longestEndlessRetryMs = 3_600_000;

/**
 * Records one report: extends the lease, or the end of the job, by compare-and-set on the fence. An end that was
 * recorded already is accepted again; anything from a lease that is no longer this agent's is refused.
 */
export async function recordReport(db: Db, report: JobReport, leaseMs: number, now: Date): Promise<Recorded> {
	const job = await readJob(db, report.id);
	if (job === null || job.lease_token !== report.lease_token) return { answer: "lost", job, ended: false };
	const recorded = job.state === "leased" && (await record(db, job, report, leaseMs, now));
	if (!recorded)
		return { answer: wasRecorded(await readJob(db, report.id), report) ? "ok" : "lost", job, ended: false };
	if (report.state === "running") return { answer: job.cancel_requested ? "cancel" : "ok", job, ended: false };
	return { answer: "ok", job, ended: true };
}

async function record(db: Db, job: JobDocument, report: JobReport, leaseMs: number, now: Date): Promise<boolean> {
	const fence = { id: report.id, token: report.lease_token, now };
	const progress = report.progress && { progress: report.progress };
	switch (report.state) {
		case "running":
			return extendLease(db, fence, leaseMs, report.progress);
		case "done":
			if (job.payload.kind === "backup-instance") {
				const error = misfit(report.result);
				if (error !== undefined) return endJob(db, fence, "failed", { ...progress, error });
			}
			return endJob(db, fence, "done", { ...progress, result: report.result ?? {}, error: null });
		case "cancelled":
			return endJob(db, fence, "cancelled", { ...progress });
		case "failed": {
			const error = report.error ?? unexplained;
			const endless = job.max_attempts === null;
			const again = endless || (error.retryable && job.attempts < (job.max_attempts ?? 0));
			if (!again || job.cancel_requested) return endJob(db, fence, "failed", { ...progress, error });
			const longestMs = endless ? longestEndlessRetryMs : longestRetryMs;
			const waitMs = Math.min(longestMs, firstRetryMs * 2 ** (job.attempts - 1));
			return retryJob(db, fence, error, new Date(now.getTime() + waitMs));
		}
	}
}

/** A result that nobody can use ends the job: refusing the report would only make the agent repeat it. */
function misfit(result: unknown): JobError | undefined {
	try {
		validate(BackupResult, result, "result");
		return undefined;
	} catch (error) {
		const message = `The agent's answer is not valid (${(error as Error).message}); agent and functions must be of one version.`;
		return { code: "RESULT_NOT_VALID", message: message.slice(0, 2_000), retryable: false };
	}
}

const unexplained = {
	code: "UNEXPLAINED",
	message: "The agent gave no reason for the failure; look at its log.",
	retryable: false,
};

/** The same end was counted before, and its answer got lost. */
function wasRecorded(job: JobDocument | null, report: JobReport): boolean {
	if (job === null || job.lease_token !== report.lease_token) return false;
	if (job.state === "failed" && report.state === "done") return job.error?.code === "RESULT_NOT_VALID";
	return job.state === report.state || (report.state === "failed" && job.state === "ready");
}
