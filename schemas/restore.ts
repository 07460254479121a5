import { type Static, Type } from "typebox";
import { Bytes, Count, KeystoneId, LenientBoolean, Moment, Name, nullable, Text, Uuid } from "#schemas/primitive.ts";

export const restoreStates = [
	"creating",
	"restoring",
	"available",
	"cancelling",
	"cancelled",
	"deleting",
	"error",
] as const;
export type RestoreState = (typeof restoreStates)[number];

/** One disk that a restore writes: from a disk of the snapshot into a new disk. */
export const PlannedDisk = Type.Object({
	disk_id: Type.String(),
	device: Type.String(),
	size_bytes: Bytes,
	/** Set for a Cinder volume: what to create. null for a Nova disk, which Nova creates with the server. */
	new_volume: nullable(
		Type.Object({
			name: Type.String(),
			size_gib: Count,
			volume_type: nullable(Type.String()),
			availability_zone: nullable(Type.String()),
		}),
	),
	/** Filled in while the plan is carried out. */
	new_volume_id: nullable(Uuid),
});
export type PlannedDisk = Static<typeof PlannedDisk>;

export const PlannedInstance = Type.Object({
	/** The instance in the snapshot. */
	original_id: Uuid,
	name: Type.String(),
	flavor_id: Type.String(),
	image_id: nullable(Type.String()),
	key_name: nullable(Type.String()),
	availability_zone: nullable(Type.String()),
	security_groups: Type.Array(Type.String()),
	metadata: Type.Record(Type.String(), Type.String()),
	networks: Type.Array(Type.Object({ network_id: Type.String(), fixed_ip: nullable(Type.String()) })),
	/** True: leave it running at the end, as the original was. */
	start: Type.Boolean(),
	disks: Type.Array(PlannedDisk),
	/** Filled in while the plan is carried out. */
	new_id: nullable(Uuid),
	host: nullable(Type.String()),
});
export type PlannedInstance = Static<typeof PlannedInstance>;

/** A restore is first a plan: everything that will be created, before anything is. */
export const RestorePlan = Type.Object({
	instances: Type.Array(PlannedInstance),
	/** One sentence for each decision that the caller did not make. */
	notes: Type.Array(Type.String()),
});
export type RestorePlan = Static<typeof RestorePlan>;

export const RestoreDocument = Type.Object(
	{
		_id: Uuid,
		snapshot_id: Uuid,
		workload_id: Uuid,
		project_id: KeystoneId,
		user_id: KeystoneId,
		name: Name,
		description: Text,
		restore_type: Type.Enum(["oneclick", "selective"]),
		status: Type.Enum([...restoreStates]),
		options: Type.Record(Type.String(), Type.Unknown()),
		plan: nullable(RestorePlan),
		/** What the restore made, in the order it was made: what a clean-up takes away, last first. */
		created: Type.Array(Type.Object({ kind: Type.Enum(["server", "volume"]), id: Type.String() })),
		size: Bytes,
		done_bytes: Bytes,
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
export type RestoreDocument = Static<typeof RestoreDocument>;

const Subnet = Type.Object({ id: Type.Optional(nullable(Type.String())) });
const Network = Type.Object({
	id: Type.Optional(nullable(Type.String())),
	subnet: Type.Optional(nullable(Subnet)),
});

/**
 * `POST …/snapshots/{id}/restores` and `POST /snapshots/{id}`. Shape: T4O API, one-click and selective options.
 * Unknown keys are ignored. An `instances` list that is absent or empty means all instances of the snapshot.
 */
export const RestoreCreateBody = Type.Object({
	restore: Type.Object({
		name: Type.Optional(Name),
		description: Type.Optional(Text),
		options: Type.Optional(
			Type.Object({
				name: Type.Optional(Name),
				description: Type.Optional(Text),
				type: Type.Optional(Type.Literal("openstack")),
				oneclickrestore: Type.Optional(LenientBoolean),
				restore_type: Type.Optional(Type.String()),
				openstack: Type.Optional(
					Type.Object({
						restore_topology: Type.Optional(LenientBoolean),
						instances: Type.Optional(
							Type.Array(
								Type.Object({
									id: Uuid,
									include: Type.Optional(LenientBoolean),
									name: Type.Optional(nullable(Name)),
									availability_zone: Type.Optional(nullable(Type.String())),
									flavor: Type.Optional(nullable(Type.Object({ id: Type.Optional(nullable(Type.String())) }))),
									nics: Type.Optional(
										Type.Array(
											Type.Object({
												ip_address: Type.Optional(nullable(Type.String())),
												network: Type.Optional(Network),
											}),
										),
									),
									vdisks: Type.Optional(
										Type.Array(
											Type.Object({
												id: Type.String(),
												new_volume_type: Type.Optional(nullable(Type.String())),
												availability_zone: Type.Optional(nullable(Type.String())),
											}),
										),
									),
								}),
							),
						),
						networks_mapping: Type.Optional(
							Type.Object({
								networks: Type.Optional(
									Type.Array(Type.Object({ snapshot_network: Network, target_network: Network })),
								),
							}),
						),
					}),
				),
			}),
		),
	}),
});
export type RestoreCreateBody = Static<typeof RestoreCreateBody>;
