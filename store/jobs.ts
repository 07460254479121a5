import type { Collection, Db, Filter } from "mongodb";
import type { JobDocument, JobState } from "#schemas/job.ts";
import { isDuplicate } from "./duplicate.ts";
import type { Indexes } from "./indexes.ts";
import { checkMove, type Transitions } from "./transition.ts";

export const jobMoves: Transitions<JobState> = {
	ready: ["leased", "failed", "cancelled"],
	// `leased` again: the lease ran out and another agent took it. `ready`: it failed and may be tried again.
	leased: ["leased", "ready", "done", "failed", "cancelled"],
	done: [],
	failed: [],
	cancelled: [],
};

export const openJobStates = ["ready", "leased"] as const satisfies readonly JobState[];
export const isOpen = (job: JobDocument): boolean => job.state === "ready" || job.state === "leased";

export const jobIndexes: Indexes = [
	{ host: 1, state: 1, priority: -1, available_at: 1 },
	{ run_id: 1 },
	{ state: 1, available_at: 1 },
	{ state: 1, updated_at: 1 },
];

export const jobs = (db: Db): Collection<JobDocument> => db.collection("jobs");

/** Attempts of a job in all: claims after a failure that may pass, and after leases that ran out. */
export const maxJobAttempts = 5;

export type NewJob = Pick<JobDocument, "_id" | "run_id" | "project_id" | "host" | "payload"> &
	Partial<Pick<JobDocument, "priority" | "max_attempts">>;

/** Queues a job. False when a job of this `_id` exists, whatever became of it: queueing twice is one job. */
export async function queueJob(db: Db, job: NewJob, now: Date): Promise<boolean> {
	const document: JobDocument = {
		priority: 0,
		max_attempts: maxJobAttempts,
		...job,
		target_id: job.payload.target_id,
		state: "ready",
		available_at: now,
		lease_token: null,
		owner: null,
		attempts: 0,
		cancel_requested: false,
		progress: null,
		result: null,
		error: null,
		created_at: now,
		updated_at: now,
	};
	try {
		await jobs(db).insertOne(document);
		return true;
	} catch (error) {
		if (isDuplicate(error)) return false;
		throw error;
	}
}

export async function readJob(db: Db, id: string): Promise<JobDocument | null> {
	return jobs(db).findOne({ _id: id });
}

export async function jobsOf(db: Db, runId: string): Promise<JobDocument[]> {
	return jobs(db).find({ run_id: runId }).toArray();
}

/** Removes all jobs of a run, so that it can start afresh. Safe to repeat. */
export async function removeJobsOf(db: Db, runId: string): Promise<void> {
	await jobs(db).deleteMany({ run_id: runId });
}

/** Compare-and-set of the lease's holder. False when the lease is another's. Throws `IllegalMove`. */
async function moveLeased(db: Db, id: string, token: string, to: JobState, set: Partial<JobDocument>) {
	checkMove(jobMoves, "job", ["leased"], to);
	const filter: Filter<JobDocument> = { _id: id, lease_token: token, state: "leased" };
	const { matchedCount } = await jobs(db).updateOne(filter, { $set: { ...set, state: to } });
	return matchedCount === 1;
}

type Fence = { id: string; token: string; now: Date };

/** Extends the lease and stores progress. False when the lease is another's. */
export async function extendLease(
	db: Db,
	{ id, token, now }: Fence,
	leaseMs: number,
	progress: JobDocument["progress"] | undefined,
): Promise<boolean> {
	const available_at = new Date(now.getTime() + leaseMs);
	return moveLeased(db, id, token, "leased", { available_at, updated_at: now, ...(progress && { progress }) });
}

/** Records the end of a job. `lease_token` stays, so that a repeated report is known. False when the lease is another's. */
export async function endJob(
	db: Db,
	{ id, token, now }: Fence,
	to: "done" | "failed" | "cancelled",
	set: Partial<Pick<JobDocument, "progress" | "result" | "error">>,
): Promise<boolean> {
	return moveLeased(db, id, token, to, { ...set, updated_at: now });
}

/** Gives a job that failed back to the queue, to be claimed from `after` on. False when the lease is another's. */
export async function retryJob(db: Db, { id, token, now }: Fence, error: JobDocument["error"], after: Date) {
	return moveLeased(db, id, token, "ready", { error, available_at: after, owner: null, updated_at: now });
}

/** Asks for the end of all jobs of a run: those that nobody holds end at once, the others when their holder reports. */
export async function cancelJobs(db: Db, runId: string, now: Date): Promise<void> {
	checkMove(jobMoves, "job", openJobStates, "cancelled");
	const cancelled = { state: "cancelled", cancel_requested: true, updated_at: now } as const;
	await jobs(db).updateMany({ run_id: runId, state: "ready" }, { $set: cancelled });
	await jobs(db).updateMany({ run_id: runId, state: "leased" }, { $set: { cancel_requested: true, updated_at: now } });
	await jobs(db).updateMany({ run_id: runId, state: "leased", available_at: { $lte: now } }, { $set: cancelled });
}

/** Removes jobs that ended before `before`: nobody asks for them any more. Safe to repeat. */
export async function purgeJobs(db: Db, before: Date): Promise<number> {
	const ended: JobState[] = ["done", "failed", "cancelled"];
	const { deletedCount } = await jobs(db).deleteMany({ state: { $in: ended }, updated_at: { $lt: before } });
	return deletedCount;
}
