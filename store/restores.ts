import type { Collection, Db } from "mongodb";
import type { RestoreDocument, RestoreState } from "#schemas/restore.ts";
import type { Indexes } from "./indexes.ts";
import { type PageOptions, readPage } from "./page.ts";
import { checkMove, type Transitions } from "./transition.ts";

export const restoreMoves: Transitions<RestoreState> = {
	creating: ["restoring", "cancelling", "cancelled", "error"],
	restoring: ["restoring", "available", "cancelling", "cancelled", "error"],
	available: ["deleting"],
	// `available`: the cancel came when everything was in place already.
	cancelling: ["available", "cancelled", "error"],
	cancelled: ["deleting"],
	deleting: [],
	error: ["deleting"],
};

/** Its run is at work. */
export const restoringStates = ["creating", "restoring", "cancelling"] as const satisfies readonly RestoreState[];
const endedStates = ["available", "cancelled", "error"] as const satisfies readonly RestoreState[];

export const restoreIndexes: Indexes = [
	{ project_id: 1, created_at: -1, _id: -1 },
	{ snapshot_id: 1, created_at: -1, _id: -1 },
	{ status: 1, updated_at: 1 },
];

export const restores = (db: Db): Collection<RestoreDocument> => db.collection("restores");

export async function insertRestore(db: Db, restore: RestoreDocument): Promise<void> {
	await restores(db).insertOne(restore);
}

/** null where there is none, or where it is another project's. */
export async function readRestore(db: Db, id: string, projectId?: string): Promise<RestoreDocument | null> {
	return restores(db).findOne(projectId === undefined ? { _id: id } : { _id: id, project_id: projectId });
}

/** Newest first. Throws `UnknownMarker`. */
export async function listRestores(
	db: Db,
	filter: { project_id: string; snapshot_id?: string; workload_id?: string },
	page: PageOptions,
): Promise<RestoreDocument[]> {
	return readPage(restores(db), filter, page);
}

type Move = { from: readonly RestoreState[]; to: RestoreState; now: Date; set?: Partial<RestoreDocument> };

/** Compare-and-set on the state. null when the restore is not in one of `from`. Throws `IllegalMove`. */
export async function moveRestore(db: Db, id: string, move: Move): Promise<RestoreDocument | null> {
	checkMove(restoreMoves, "restore", move.from, move.to);
	return restores(db).findOneAndUpdate(
		{ _id: id, status: { $in: [...move.from] } },
		{ $set: { ...move.set, status: move.to, updated_at: move.now }, $inc: { rev: 1 } },
		{ returnDocument: "after" },
	);
}

/** Records what a step did to the plan of the document that was read as `restore`. null when it has changed since. */
export async function recordRestore(
	db: Db,
	restore: RestoreDocument,
	set: Partial<Pick<RestoreDocument, "plan" | "created" | "size" | "warning_msg">>,
	now: Date,
): Promise<RestoreDocument | null> {
	return restores(db).findOneAndUpdate(
		{ _id: restore._id, rev: restore.rev },
		{ $set: { ...set, updated_at: now }, $inc: { rev: 1 } },
		{ returnDocument: "after" },
	);
}

/** Shows how far a running restore is. Not a change: `rev` stays, and a restore that has ended is left alone. */
export async function showRestoreProgress(
	db: Db,
	id: string,
	progress: Partial<Pick<RestoreDocument, "size" | "done_bytes" | "progress_msg">>,
): Promise<void> {
	await restores(db).updateOne({ _id: id, status: "restoring" }, { $set: progress });
}

/** Restores that have been in `status` since before `before`: what reconcile looks at. */
export async function staleRestores(db: Db, status: RestoreState, before: Date, limit: number) {
	return restores(db)
		.find({ status, updated_at: { $lt: before } })
		.sort({ updated_at: 1 })
		.limit(limit)
		.toArray();
}

/** Removes the record of a restore that has ended; what it made stays. False when it has not ended. Safe to repeat. */
export async function removeRestore(db: Db, id: string): Promise<boolean> {
	const { deletedCount } = await restores(db).deleteOne({ _id: id, status: { $in: [...endedStates, "deleting"] } });
	return deletedCount === 1;
}

/** Removes the records of all restores of a snapshot that is being deleted. Safe to repeat. */
export async function removeRestoresOf(db: Db, snapshotId: string): Promise<void> {
	await restores(db).deleteMany({ snapshot_id: snapshotId });
}
