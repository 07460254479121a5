import type { Collection, Db } from "mongodb";
import type { WorkloadMemberDocument } from "#schemas/workload.ts";
import { isDuplicate } from "./duplicate.ts";
import type { Indexes } from "./indexes.ts";
import { readWorkload } from "./workloads.ts";

/**
 * A membership is taken before its workload is stored. One without a workload is therefore either being made at this
 * moment or was left by a crash; no handler lives longer than 30 s, so after this time it was a crash.
 */
export const orphanGraceMs = 60_000;

export const memberIndexes: Indexes = [{ workload_id: 1 }];

export const members = (db: Db): Collection<WorkloadMemberDocument> => db.collection("workload_members");

export type Taking = { instanceId: string; workloadId: string; projectId: string; now: Date };

/**
 * Makes the instance a member of the workload. `taken`: it belongs to another one. `kept`: it was a member already.
 * Safe to repeat; of two that take at once, one wins. A crash's left-over is taken over.
 */
export async function takeMember(db: Db, { instanceId, workloadId, projectId, now }: Taking) {
	const mine = { workload_id: workloadId, project_id: projectId, created_at: now };
	try {
		await members(db).insertOne({ _id: instanceId, ...mine });
		return "new" as const;
	} catch (error) {
		if (!isDuplicate(error)) throw error;
	}
	const held = await members(db).findOne({ _id: instanceId });
	if (held?.workload_id === workloadId) return "kept" as const;
	if (held === null || now.getTime() - held.created_at.getTime() < orphanGraceMs) return "taken" as const;
	if ((await readWorkload(db, held.workload_id)) !== null) return "taken" as const;
	const { matchedCount } = await members(db).updateOne(
		{ _id: instanceId, workload_id: held.workload_id, created_at: held.created_at },
		{ $set: mine },
	);
	return matchedCount === 1 ? ("new" as const) : ("taken" as const);
}

/** Gives one membership back. Another workload's stays. Safe to repeat. */
export async function releaseMember(db: Db, instanceId: string, workloadId: string): Promise<void> {
	await members(db).deleteOne({ _id: instanceId, workload_id: workloadId });
}

/** Gives all of a workload's memberships back. Safe to repeat. */
export async function releaseMembers(db: Db, workloadId: string): Promise<void> {
	await members(db).deleteMany({ workload_id: workloadId });
}
