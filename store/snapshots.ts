import type { Collection, Db } from "mongodb";
import type { SnapshotDocument, SnapshotState } from "#schemas/snapshot.ts";
import type { Indexes } from "./indexes.ts";
import { type PageOptions, readPage } from "./page.ts";
import { checkMove, type Transitions } from "./transition.ts";

export const snapshotMoves: Transitions<SnapshotState> = {
	creating: ["executing", "cancelling", "cancelled", "error"],
	executing: ["executing", "uploading", "cancelling", "cancelled", "error"],
	uploading: ["uploading", "available", "cancelling", "cancelled", "error"],
	available: ["restoring", "deleting"],
	restoring: ["available"],
	// `available`: the cancel came when everything was committed already.
	cancelling: ["available", "cancelled", "error"],
	cancelled: ["deleting"],
	// To `error` when the target would not let go of it; the document itself goes when it did.
	deleting: ["error"],
	error: ["deleting"],
};

/** Its content is complete on the target (promise P1). */
export const intactStates = ["available", "restoring"] as const satisfies readonly SnapshotState[];
/** Its run is at work; a cancel makes sense. */
export const runningStates = ["creating", "executing", "uploading"] as const satisfies readonly SnapshotState[];

export const snapshotIndexes: Indexes = [
	{ project_id: 1, created_at: -1, _id: -1 },
	{ created_at: -1, _id: -1 },
	{ workload_id: 1, created_at: -1, _id: -1 },
	{ workload_id: 1, status: 1, created_at: -1 },
	{ status: 1, updated_at: 1 },
];

export const snapshots = (db: Db): Collection<SnapshotDocument> => db.collection("snapshots");

export async function insertSnapshot(db: Db, snapshot: SnapshotDocument): Promise<void> {
	await snapshots(db).insertOne(snapshot);
}

/** null where there is none, or where it is another project's. */
export async function readSnapshot(db: Db, id: string, projectId?: string): Promise<SnapshotDocument | null> {
	return snapshots(db).findOne(projectId === undefined ? { _id: id } : { _id: id, project_id: projectId });
}

/** Newest first. Throws `UnknownMarker`. */
export async function listSnapshots(
	db: Db,
	filter: { project_id?: string; workload_id?: string },
	page: PageOptions,
): Promise<SnapshotDocument[]> {
	return readPage(snapshots(db), filter, page);
}

export async function countSnapshots(db: Db, workloadId: string): Promise<number> {
	return snapshots(db).countDocuments({ workload_id: workloadId });
}

/** The newest snapshot of the workload that an incremental one can build on; null where there is none. */
export async function newestIntact(db: Db, workloadId: string, targetId: string): Promise<SnapshotDocument | null> {
	return snapshots(db).findOne(
		{ workload_id: workloadId, status: { $in: [...intactStates] }, target_id: targetId },
		{ sort: { created_at: -1 } },
	);
}

type Move = { from: readonly SnapshotState[]; to: SnapshotState; now: Date; set?: Partial<SnapshotDocument> };

/** Compare-and-set on the state. null when the snapshot is not in one of `from`. Throws `IllegalMove`. */
export async function moveSnapshot(db: Db, id: string, move: Move): Promise<SnapshotDocument | null> {
	checkMove(snapshotMoves, "snapshot", move.from, move.to);
	return snapshots(db).findOneAndUpdate(
		{ _id: id, status: { $in: [...move.from] } },
		{ $set: { ...move.set, status: move.to, updated_at: move.now }, $inc: { rev: 1 } },
		{ returnDocument: "after" },
	);
}

/** `available → restoring` by `runId`. null when it is not available. */
export async function lockSnapshot(db: Db, id: string, runId: string, now: Date): Promise<SnapshotDocument | null> {
	return moveSnapshot(db, id, { from: ["available"], to: "restoring", now, set: { locked_by: runId } });
}

/** `restoring → available`, but only if `runId` holds it. Safe to repeat. */
export async function unlockSnapshot(db: Db, id: string, runId: string, now: Date): Promise<boolean> {
	checkMove(snapshotMoves, "snapshot", ["restoring"], "available");
	const { matchedCount } = await snapshots(db).updateOne(
		{ _id: id, status: "restoring", locked_by: runId },
		{ $set: { status: "available", locked_by: null, updated_at: now }, $inc: { rev: 1 } },
	);
	return matchedCount === 1;
}

/** Shows how far a running snapshot is. Not a change: `rev` stays, and a snapshot that has ended is left alone. */
export async function showSnapshotProgress(
	db: Db,
	id: string,
	progress: Partial<Pick<SnapshotDocument, "done_bytes" | "uploaded_size" | "progress_msg">>,
): Promise<void> {
	await snapshots(db).updateOne({ _id: id, status: "uploading" }, { $set: progress });
}

export type Usage = { workload_id: string; snapshot_type: string; count: number; usage: number };

/** How many intact snapshots of each type these workloads have, and the bytes that they added to the target. */
export async function measureSnapshots(db: Db, workloadIds: readonly string[]): Promise<Usage[]> {
	const rows = await snapshots(db)
		.aggregate<{ _id: { workload_id: string; snapshot_type: string }; count: number; usage: number }>([
			{ $match: { workload_id: { $in: [...workloadIds] }, status: { $in: [...intactStates] } } },
			{
				$group: {
					_id: { workload_id: "$workload_id", snapshot_type: "$snapshot_type" },
					count: { $sum: 1 },
					usage: { $sum: "$uploaded_size" },
				},
			},
		])
		.toArray();
	return rows.map(({ _id, count, usage }) => ({ ..._id, count, usage }));
}

/** Snapshots that have been in `status` since before `before`: what reconcile looks at. */
export async function staleSnapshots(db: Db, status: SnapshotState, before: Date, limit: number) {
	return snapshots(db)
		.find({ status, updated_at: { $lt: before } })
		.sort({ updated_at: 1 })
		.limit(limit)
		.toArray();
}

/** Removes the document of a snapshot that is being deleted. Safe to repeat. */
export async function removeSnapshot(db: Db, id: string): Promise<void> {
	await snapshots(db).deleteOne({ _id: id, status: "deleting" });
}
