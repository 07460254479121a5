import { type Static, Type } from "typebox";
import { ManifestReference } from "#schemas/manifest.ts";
import { Bytes, Count, KeystoneId, Moment, Name, nullable, Text, Uuid } from "#schemas/primitive.ts";

export const snapshotStates = [
	"creating",
	"executing",
	"uploading",
	"available",
	"restoring",
	"cancelling",
	"cancelled",
	"deleting",
	"error",
] as const;
export type SnapshotState = (typeof snapshotStates)[number];

export const snapshotTypes = ["full", "incremental", "mixed"] as const;

/** One disk of one instance in a snapshot. `disk_id` is the volume's id, or the device name of a Nova disk. */
export const SnapshotDisk = Type.Object({
	disk_id: Type.String(),
	device: Type.String(),
	volume_id: nullable(Uuid),
	/** null until the agent has written the disk. */
	manifest: nullable(ManifestReference),
	size_bytes: Bytes,
	/** Bytes the disk occupies on its host, base image included. */
	allocated_bytes: Bytes,
	read_bytes: Bytes,
	sent_bytes: Bytes,
	stored_bytes: Bytes,
});
export type SnapshotDisk = Static<typeof SnapshotDisk>;

export const SnapshotInstance = Type.Object({
	id: Uuid,
	name: Type.String(),
	host: Type.String(),
	/** How this instance was taken: mixed snapshots have both. */
	snapshot_type: Type.Enum(["full", "incremental"]),
	disks: Type.Array(SnapshotDisk),
});
export type SnapshotInstance = Static<typeof SnapshotInstance>;

/** A snapshot of a workload. Collection `snapshots`. The captured metadata is in `captures`, one document a snapshot. */
export const SnapshotDocument = Type.Object(
	{
		_id: Uuid,
		workload_id: Uuid,
		project_id: KeystoneId,
		user_id: KeystoneId,
		name: Name,
		description: Text,
		status: Type.Enum([...snapshotStates]),
		snapshot_type: Type.Enum([...snapshotTypes]),
		target_id: Type.String(),
		/** Run that holds it while it is `restoring`, or null. Released only by that run. */
		locked_by: nullable(Type.String()),
		host: Type.String(),
		instances: Type.Array(SnapshotInstance),
		/** Virtual bytes to go through, and gone through so far, of all disks. */
		size: Bytes,
		done_bytes: Bytes,
		/** Bytes added to the target so far. */
		uploaded_size: Bytes,
		progress_msg: nullable(Type.String()),
		warning_msg: nullable(Type.String()),
		error_msg: nullable(Type.String()),
		created_at: Moment,
		updated_at: Moment,
		finished_at: nullable(Moment),
		rev: Count,
	},
	{ additionalProperties: false },
);
export type SnapshotDocument = Static<typeof SnapshotDocument>;
