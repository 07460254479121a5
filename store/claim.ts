import type { Db } from "mongodb";
import type { JobDocument } from "#schemas/job.ts";
import { endJob, jobMoves, jobs, openJobStates } from "./jobs.ts";
import { checkMove } from "./transition.ts";

export type Claimer = {
	/** The claiming agent's host, or null for jobs that any host may do. */
	host: string | null;
	/** Who gets the lease, for the operator's eyes. */
	owner: string;
	targets: readonly string[];
	leaseMs: number;
	now: Date;
	newId: () => string;
};

/**
 * Leases the most urgent job that is ready, or whose lease ran out; null when there is none. Of many that claim at
 * once each gets another job. The fresh `lease_token` makes every update a change, and is the fence of whatever the
 * holder reports. A job that has been tried too often is failed instead of handed out.
 */
export async function claimJob(db: Db, claimer: Claimer): Promise<JobDocument | null> {
	const { host, owner, targets, leaseMs, now, newId } = claimer;
	checkMove(jobMoves, "job", openJobStates, "leased");
	while (true) {
		const token = newId();
		const job = await jobs(db).findOneAndUpdate(
			{
				host,
				state: { $in: [...openJobStates] },
				target_id: { $in: [...targets] },
				cancel_requested: false,
				available_at: { $lte: now },
			},
			{
				$set: {
					state: "leased",
					lease_token: token,
					owner,
					available_at: new Date(now.getTime() + leaseMs),
					progress: null,
					updated_at: now,
				},
				$inc: { attempts: 1 },
			},
			{ sort: { priority: -1, available_at: 1 }, returnDocument: "after" },
		);
		if (job === null || job.max_attempts === null || job.attempts <= job.max_attempts) return job;
		await endJob(db, { id: job._id, token, now }, "failed", { error: exhausted(job) });
	}
}

/**
 * Fails the jobs whose last allowed attempt ran out without a word from its agent, and answers the runs they belong
 * to. Safe to repeat.
 */
export async function failExhaustedJobs(db: Db, now: Date, limit: number): Promise<string[]> {
	const expired = await jobs(db)
		.find({ state: "leased", available_at: { $lte: now }, max_attempts: { $ne: null } })
		.sort({ available_at: 1 })
		.limit(limit)
		.toArray();
	const runIds = new Set<string>();
	for (const job of expired) {
		if (job.max_attempts === null || job.attempts < job.max_attempts || job.lease_token === null) continue;
		const fence = { id: job._id, token: job.lease_token, now };
		if (await endJob(db, fence, "failed", { error: exhausted(job) })) runIds.add(job.run_id);
	}
	return [...runIds];
}

function exhausted(job: JobDocument): NonNullable<JobDocument["error"]> {
	const tries = Math.min(job.attempts, job.max_attempts ?? job.attempts);
	const last = job.error === null ? "" : ` The last reason given was: ${job.error.message}`;
	const message = `The job ${job._id} was tried ${tries} times and no agent finished it; look at the agent's log.${last}`;
	return { code: "ATTEMPTS_EXHAUSTED", message: message.slice(0, 2_000), retryable: false };
}
