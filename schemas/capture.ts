import { type Static, Type } from "typebox";
import { Moment, Uuid } from "#schemas/primitive.ts";

const Row = Type.Record(Type.String(), Type.Unknown());

/**
 * Everything about the instances that a restore needs besides disk bytes, as the services answered it. It is written
 * into the snapshot's root on the target, so it must be enough without our database (promise P1).
 */
export const CapturedMetadata = Type.Object({
	/** Raised when the shape changes, so that an import can read old roots. */
	version: Type.Literal(1),
	workload: Type.Object({ id: Uuid, name: Type.String(), description: Type.String(), project_id: Type.String() }),
	snapshot: Type.Object({ id: Uuid, name: Type.String(), snapshot_type: Type.String(), created_at: Type.String() }),
	instances: Type.Array(
		Type.Object({
			id: Uuid,
			/** Nova's server document, flavor embedded. */
			server: Row,
			flavor: Row,
			/** Glance's image document; null where the image is gone or the instance boots from a volume. */
			image: Type.Union([Row, Type.Null()]),
			/** Nova's interface attachments with Neutron's port documents. */
			ports: Type.Array(Row),
			/** Cinder's volume documents with the device they are attached as. */
			volumes: Type.Array(Type.Object({ device: Type.String(), boot_index: Type.Integer(), volume: Row })),
		}),
	),
	networks: Type.Array(Row),
	subnets: Type.Array(Row),
	routers: Type.Array(Row),
	security_groups: Type.Array(Row),
});
export type CapturedMetadata = Static<typeof CapturedMetadata>;

/** Collection `captures`, `_id` = snapshot id. Apart from the snapshot, so that lists never read it. */
export const CaptureDocument = Type.Object(
	{ _id: Uuid, project_id: Type.String(), captured: CapturedMetadata, created_at: Moment },
	{ additionalProperties: false },
);
export type CaptureDocument = Static<typeof CaptureDocument>;
