import type { Db, IndexDirection } from "mongodb";
import { agentIndexes } from "./agents.ts";
import { captureIndexes } from "./captures.ts";
import { jobIndexes } from "./jobs.ts";
import { memberIndexes } from "./members.ts";
import { restoreIndexes } from "./restores.ts";
import { runIndexes } from "./runs.ts";
import { snapshotIndexes } from "./snapshots.ts";
import { workloadIndexes } from "./workloads.ts";

/** Keys of each index, in order. MongoDB's own `_id` index is not listed. */
export type Indexes = readonly Readonly<Record<string, IndexDirection>>[];

export const indexesOf: Readonly<Record<string, Indexes>> = {
	workloads: workloadIndexes,
	workload_members: memberIndexes,
	snapshots: snapshotIndexes,
	captures: captureIndexes,
	restores: restoreIndexes,
	jobs: jobIndexes,
	runs: runIndexes,
	agents: agentIndexes,
};

/** Creates the indexes that are missing. Safe to repeat; called by the deployer, never by a function. */
export async function ensureIndexes(db: Db): Promise<void> {
	for (const [collection, indexes] of Object.entries(indexesOf)) {
		for (const keys of indexes) await db.collection(collection).createIndex({ ...keys });
	}
}
