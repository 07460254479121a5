import type { Db } from "mongodb";
import type { ClaimedJob, SyncRequest } from "#schemas/sync.ts";
import { type Claimer, claimJob } from "#store/claim.ts";

/** Claimed jobs of one answer together; with the rest of it they stay below OpenWhisk's 1 MiB. */
const largestClaimBytes = 200_000;

type Claiming = Omit<Claimer, "host" | "owner" | "targets"> & { host: string };

/** Up to `sync.claim` jobs: those of the host first, then those that any host may do. */
export async function claimJobs(db: Db, sync: SyncRequest, { host, ...claiming }: Claiming): Promise<ClaimedJob[]> {
	const wanted = Math.min(sync.claim, sync.agent.slots);
	const claimed: ClaimedJob[] = [];
	let bytes = 0;
	for (const where of [host, null]) {
		while (claimed.length < wanted && bytes < largestClaimBytes) {
			const owner = `${host}/${sync.agent.instance_id}`;
			const job = await claimJob(db, { ...claiming, host: where, owner, targets: sync.agent.targets });
			if (job === null) break;
			bytes += Buffer.byteLength(JSON.stringify(job.payload));
			const { _id: id, attempts: attempt, payload } = job;
			claimed.push({ id, lease_token: job.lease_token as string, attempt, payload });
		}
	}
	return claimed;
}
