import { type Static, Type } from "typebox";
import { Count, KeystoneId, LenientBoolean, Moment, Name, nullable, Text, Uuid } from "#schemas/primitive.ts";

export const workloadStates = ["creating", "available", "locked", "deleting", "error"] as const;
export type WorkloadState = (typeof workloadStates)[number];

/** A workload: the instances that are protected together. Collection `workloads`. */
export const WorkloadDocument = Type.Object(
	{
		_id: Uuid,
		project_id: KeystoneId,
		user_id: KeystoneId,
		name: Name,
		description: Text,
		status: Type.Enum([...workloadStates]),
		error_msg: nullable(Type.String()),
		/** Names as Nova gave them when the workload was made; the truth is captured again by every snapshot. */
		instances: Type.Array(Type.Object({ id: Uuid, name: Type.String() }), { minItems: 1 }),
		metadata: Type.Record(Type.String(), Type.String()),
		/** As the client sent it; schedules are not run yet. */
		jobschedule: Type.Record(Type.String(), Type.Unknown()),
		target_id: Type.String(),
		/** Run that holds the lock, or null. The lock is released only by that run. */
		locked_by: nullable(Type.String()),
		created_at: Moment,
		updated_at: Moment,
		/** Raised by every change; compare-and-set filters on it. */
		rev: Count,
	},
	{ additionalProperties: false },
);
export type WorkloadDocument = Static<typeof WorkloadDocument>;

/**
 * One document per protected instance, `_id` = instance id: an instance belongs to one workload (T4O's rule), and
 * uniqueness comes from the id, without a transaction. Collection `workload_members`.
 */
export const WorkloadMemberDocument = Type.Object(
	{ _id: Uuid, workload_id: Uuid, project_id: KeystoneId, created_at: Moment },
	{ additionalProperties: false },
);
export type WorkloadMemberDocument = Static<typeof WorkloadMemberDocument>;

/** `POST /v1/{project}/workloads`. Unknown keys are ignored, as T4O does. Shape: T4O API, workload create. */
export const WorkloadCreateBody = Type.Object({
	workload: Type.Object({
		name: Type.Optional(Name),
		description: Type.Optional(Text),
		source_platform: Type.Optional(Type.Literal("openstack")),
		instances: Type.Array(Type.Object({ "instance-id": Uuid }), { minItems: 1, maxItems: 1000 }),
		jobschedule: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
		metadata: Type.Optional(Type.Record(Type.String(), Type.String())),
		encryption: Type.Optional(LenientBoolean),
		secret_uuid: Type.Optional(nullable(Type.String())),
		backup_target_types: Type.Optional(Type.String()),
	}),
});
export type WorkloadCreateBody = Static<typeof WorkloadCreateBody>;

/** `PUT /v1/{project}/workloads/{id}`: only what is to change. `instances` replaces the whole set; an empty `jobschedule` changes nothing. */
export const WorkloadChangeBody = Type.Object({
	workload: Type.Object({
		name: Type.Optional(Name),
		description: Type.Optional(Text),
		instances: Type.Optional(Type.Array(Type.Object({ "instance-id": Uuid }), { minItems: 1, maxItems: 1000 })),
		jobschedule: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
		metadata: Type.Optional(Type.Record(Type.String(), Type.String())),
	}),
});
export type WorkloadChangeBody = Static<typeof WorkloadChangeBody>;

/** `POST /v1/{project}/workloads/{id}`: take a snapshot. The body may be empty; `?full=1` decides, not the body. */
export const SnapshotCreateBody = Type.Object({
	snapshot: Type.Optional(
		Type.Object({
			name: Type.Optional(Name),
			description: Type.Optional(Text),
			full: Type.Optional(LenientBoolean),
			is_scheduled: Type.Optional(LenientBoolean),
		}),
	),
});
export type SnapshotCreateBody = Static<typeof SnapshotCreateBody>;
