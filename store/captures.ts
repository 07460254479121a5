import type { Collection, Db } from "mongodb";
import type { CaptureDocument } from "#schemas/capture.ts";
import type { Indexes } from "./indexes.ts";

export const captureIndexes: Indexes = [];

export const captures = (db: Db): Collection<CaptureDocument> => db.collection("captures");

/** Stores what was captured for a snapshot, in place of an earlier attempt's. Safe to repeat. */
export async function saveCapture(db: Db, { _id, ...fields }: CaptureDocument): Promise<void> {
	await captures(db).updateOne({ _id }, { $set: fields }, { upsert: true });
}

export async function readCapture(db: Db, snapshotId: string): Promise<CaptureDocument | null> {
	return captures(db).findOne({ _id: snapshotId });
}

/** Safe to repeat. */
export async function removeCapture(db: Db, snapshotId: string): Promise<void> {
	await captures(db).deleteOne({ _id: snapshotId });
}
