import { type Static, Type } from "typebox";
import { DiskLocator } from "#schemas/locator.ts";
import { ManifestReference } from "#schemas/manifest.ts";
import { Bytes, Count, KeystoneId, Moment, nullable, Uuid } from "#schemas/primitive.ts";

export const jobStates = ["ready", "leased", "done", "failed", "cancelled"] as const;
export type JobState = (typeof jobStates)[number];

/** The vault a job works in: the project's, on one of the agent's targets. */
const VaultPlace = { target_id: Type.String(), project_id: KeystoneId };

/** Read all disks of one instance at one instant and write them to the vault. Runs on the instance's host. */
export const BackupInstance = Type.Object({
	kind: Type.Literal("backup-instance"),
	...VaultPlace,
	/** Also the vault session that the commit ends. */
	snapshot_id: Uuid,
	instance_id: Uuid,
	/** Whether it ran when the job was queued. The agent looks again. */
	running: Type.Boolean(),
	disks: Type.Array(
		Type.Object({
			disk_id: Type.String(),
			device: Type.String(),
			locator: DiskLocator,
			/** The same disk in the snapshot before: unchanged content is found there. null for a full. */
			base: nullable(ManifestReference),
		}),
		{ minItems: 1 },
	),
});
export type BackupInstance = Static<typeof BackupInstance>;

/** Write the snapshot's root to the target: from then on the snapshot exists. Any agent with the target. */
export const CommitSnapshot = Type.Object({
	kind: Type.Literal("commit-snapshot"),
	...VaultPlace,
	root: Type.Object({
		snapshotId: Uuid,
		workloadId: Uuid,
		createdAt: Type.String(),
		instances: Type.Array(
			Type.Object({
				instanceId: Uuid,
				disks: Type.Array(Type.Object({ diskId: Type.String(), device: Type.String(), manifest: ManifestReference })),
			}),
		),
		captured: Type.Unknown(),
	}),
});
export type CommitSnapshot = Static<typeof CommitSnapshot>;

/** Remove a snapshot's root and end its session, whichever of the two exists. Any agent with the target. */
export const DeleteSnapshot = Type.Object({
	kind: Type.Literal("delete-snapshot"),
	...VaultPlace,
	snapshot_id: Uuid,
});
export type DeleteSnapshot = Static<typeof DeleteSnapshot>;

/** Give back the space of what no snapshot of the vault needs. Any agent with the target. */
export const CollectVault = Type.Object({ kind: Type.Literal("collect-vault"), ...VaultPlace });
export type CollectVault = Static<typeof CollectVault>;

/** Write disks of a snapshot into the new disks of a stopped instance. Runs on that instance's host. */
export const RestoreInstance = Type.Object({
	kind: Type.Literal("restore-instance"),
	...VaultPlace,
	snapshot_id: Uuid,
	/** The new instance. */
	instance_id: Uuid,
	disks: Type.Array(
		Type.Object({
			disk_id: Type.String(),
			device: Type.String(),
			locator: DiskLocator,
			manifest: ManifestReference,
		}),
		{ minItems: 1 },
	),
});
export type RestoreInstance = Static<typeof RestoreInstance>;

export const JobPayload = Type.Union([BackupInstance, CommitSnapshot, DeleteSnapshot, CollectVault, RestoreInstance]);
export type JobPayload = Static<typeof JobPayload>;
export type JobKind = JobPayload["kind"];

/** Counters of a job so far. They only grow within one attempt. */
export const JobProgress = Type.Object({
	/** Virtual bytes of all disks, and how many of them are dealt with. */
	total_bytes: Bytes,
	done_bytes: Bytes,
	/** Read from the source disk (backup) or the vault (restore). */
	read_bytes: Bytes,
	/** Sent to the vault before compression (backup) or written to the disk (restore). */
	sent_bytes: Bytes,
	/** Added to the target. */
	stored_bytes: Bytes,
});
export type JobProgress = Static<typeof JobProgress>;

/** What a done `collect-vault` job answers. `waiting`: running backups are in the way; ask again later. */
export const CollectResult = Type.Object({
	state: Type.Enum(["done", "waiting"]),
	deleted_packs: Count,
	deleted_bytes: Bytes,
});
export type CollectResult = Static<typeof CollectResult>;

/** What a done `backup-instance` job answers; the other kinds answer `{}`. */
export const BackupResult = Type.Object({
	disks: Type.Array(
		Type.Object({
			disk_id: Type.String(),
			manifest: ManifestReference,
			size_bytes: Bytes,
			allocated_bytes: Bytes,
			read_bytes: Bytes,
			sent_bytes: Bytes,
			stored_bytes: Bytes,
		}),
	),
	warnings: Type.Array(Type.String()),
});
export type BackupResult = Static<typeof BackupResult>;

export const JobError = Type.Object({
	/** Stable, upper case with underscores; see the agent's error table. */
	code: Type.String(),
	/** One sentence for the user: what happened and what to do. */
	message: Type.String({ maxLength: 2000 }),
	/** True where another attempt may succeed without anybody doing anything. */
	retryable: Type.Boolean(),
});
export type JobError = Static<typeof JobError>;

/**
 * A piece of work for an agent. Collection `jobs`. `_id` is `<run>/<step>/<subject>`, so queueing twice is one job.
 * `available_at` is when it may be claimed and, while it is leased, when the lease ends. `lease_token` is the fence:
 * fresh at every claim; progress and completion that do not carry the current one are refused.
 */
export const JobDocument = Type.Object(
	{
		_id: Type.String(),
		run_id: Type.String(),
		project_id: KeystoneId,
		/** The host whose agent must do it; null where any agent with the target may. */
		host: nullable(Type.String()),
		target_id: Type.String(),
		state: Type.Enum([...jobStates]),
		priority: Type.Integer(),
		available_at: Moment,
		lease_token: nullable(Type.String()),
		owner: nullable(Type.String()),
		attempts: Count,
		/** null: tried until it succeeds, whatever the failures say. Cleaning up has no other good end. */
		max_attempts: nullable(Count),
		cancel_requested: Type.Boolean(),
		payload: JobPayload,
		progress: nullable(JobProgress),
		result: nullable(Type.Unknown()),
		error: nullable(JobError),
		created_at: Moment,
		updated_at: Moment,
	},
	{ additionalProperties: false },
);
export type JobDocument = Static<typeof JobDocument>;
