import { type Static, Type } from "typebox";
import { JobError, JobPayload, JobProgress } from "#schemas/job.ts";
import { Count } from "#schemas/primitive.ts";

const JobReport = Type.Object({
	id: Type.String(),
	/** The lease token from the claim. A report with another one is refused. */
	lease_token: Type.String(),
	state: Type.Enum(["running", "done", "failed", "cancelled"]),
	progress: Type.Optional(JobProgress),
	/** With `done`. */
	result: Type.Optional(Type.Unknown()),
	/** With `failed`. */
	error: Type.Optional(JobError),
});
export type JobReport = Static<typeof JobReport>;

/**
 * `POST /v2/agents/{host}/sync`: heartbeat, progress, completions and claims in one call, every few seconds.
 * Safe to repeat: a completion that was counted already is accepted again; claims not seen because the answer was
 * lost come back as leases that run out.
 */
export const SyncRequest = Type.Object({
	agent: Type.Object({
		instance_id: Type.String({ minLength: 1 }),
		version: Type.String(),
		/** Targets this host can reach. */
		targets: Type.Array(Type.String(), { maxItems: 100 }),
		slots: Count,
	}),
	/** Every job the agent holds, running or just ended. */
	jobs: Type.Array(JobReport, { maxItems: 100 }),
	/** How many more jobs it wants, at most `slots`. */
	claim: Count,
});
export type SyncRequest = Static<typeof SyncRequest>;

export const ClaimedJob = Type.Object({
	id: Type.String(),
	lease_token: Type.String(),
	attempt: Count,
	payload: JobPayload,
});
export type ClaimedJob = Static<typeof ClaimedJob>;

export const SyncResponse = Type.Object({
	/**
	 * One answer per reported job. `ok`: lease extended or end recorded. `cancel`: stop, and report `cancelled`.
	 * `lost`: the lease is another's or the job is gone; drop it without writing anything more.
	 */
	jobs: Type.Array(Type.Object({ id: Type.String(), answer: Type.Enum(["ok", "cancel", "lost"]) })),
	claimed: Type.Array(ClaimedJob),
	/** From the moment of this answer. The agent must sync well before that, or stop working on its jobs. */
	lease_ms: Count,
	/** When to call again; sooner when a job ends. */
	next_sync_ms: Count,
});
export type SyncResponse = Static<typeof SyncResponse>;
