import type { Collection, Db } from "mongodb";
import type { WorkloadDocument, WorkloadState } from "#schemas/workload.ts";
import type { Indexes } from "./indexes.ts";
import { type PageOptions, readPage } from "./page.ts";
import { checkMove, type Transitions } from "./transition.ts";

export const workloadMoves: Transitions<WorkloadState> = {
	creating: ["available", "error"],
	available: ["locked", "deleting", "error"],
	locked: ["available", "error"],
	// Back to `available` when the delete finds snapshots; the document itself goes when it finds none.
	deleting: ["available"],
	error: ["available", "deleting"],
};

export const workloadIndexes: Indexes = [
	{ project_id: 1, created_at: -1, _id: -1 },
	{ created_at: -1, _id: -1 },
	{ status: 1, updated_at: 1 },
];

export const workloads = (db: Db): Collection<WorkloadDocument> => db.collection("workloads");

export async function insertWorkload(db: Db, workload: WorkloadDocument): Promise<void> {
	await workloads(db).insertOne(workload);
}

/** null where there is none, or where it is another project's. */
export async function readWorkload(db: Db, id: string, projectId?: string): Promise<WorkloadDocument | null> {
	return workloads(db).findOne(projectId === undefined ? { _id: id } : { _id: id, project_id: projectId });
}

/** Newest first. Without a project: everybody's. Throws `UnknownMarker`. */
export async function listWorkloads(db: Db, projectId: string | undefined, page: PageOptions) {
	return readPage(workloads(db), projectId === undefined ? {} : { project_id: projectId }, page);
}

type Move = { from: readonly WorkloadState[]; to: WorkloadState; now: Date; set?: Partial<WorkloadDocument> };

/** Compare-and-set on the state. null when the workload is not in one of `from`. Throws `IllegalMove`. */
export async function moveWorkload(db: Db, id: string, move: Move): Promise<WorkloadDocument | null> {
	checkMove(workloadMoves, "workload", move.from, move.to);
	return workloads(db).findOneAndUpdate(
		{ _id: id, status: { $in: [...move.from] } },
		{ $set: { ...move.set, status: move.to, updated_at: move.now }, $inc: { rev: 1 } },
		{ returnDocument: "after" },
	);
}

/** `available → locked` by `runId`. null when it is not available: then somebody else works on it. */
export async function lockWorkload(db: Db, id: string, runId: string, now: Date): Promise<WorkloadDocument | null> {
	return moveWorkload(db, id, { from: ["available"], to: "locked", now, set: { locked_by: runId } });
}

/** `locked → available`, but only if `runId` holds the lock. Safe to repeat. */
export async function unlockWorkload(db: Db, id: string, runId: string, now: Date): Promise<boolean> {
	const { matchedCount } = await workloads(db).updateOne(
		{ _id: id, status: "locked", locked_by: runId },
		{ $set: { status: "available", locked_by: null, updated_at: now }, $inc: { rev: 1 } },
	);
	return matchedCount === 1;
}

/** Changes fields of the document that was read as `workload`. null when it has changed since. */
export async function changeWorkload(
	db: Db,
	workload: WorkloadDocument,
	set: Partial<Pick<WorkloadDocument, "name" | "description" | "instances" | "metadata" | "jobschedule">>,
	now: Date,
): Promise<WorkloadDocument | null> {
	return workloads(db).findOneAndUpdate(
		{ _id: workload._id, rev: workload.rev },
		{ $set: { ...set, updated_at: now }, $inc: { rev: 1 } },
		{ returnDocument: "after" },
	);
}

/** Workloads that have been in `status` since before `before`: what reconcile looks at. */
export async function staleWorkloads(db: Db, status: WorkloadState, before: Date, limit: number) {
	return workloads(db)
		.find({ status, updated_at: { $lt: before } })
		.sort({ updated_at: 1 })
		.limit(limit)
		.toArray();
}

/** Removes the document of a workload that is being deleted. Safe to repeat. */
export async function removeWorkload(db: Db, id: string): Promise<void> {
	await workloads(db).deleteOne({ _id: id, status: "deleting" });
}
