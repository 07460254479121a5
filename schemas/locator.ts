import { type Static, Type } from "typebox";
import { Uuid } from "#schemas/primitive.ts";

/**
 * Where an agent finds a disk on its own host. Made by the orchestrator from what Nova and Cinder say; the agent
 * turns it into a path below the folders that its operator configured, never into a path that the job chose.
 */
export const DiskLocator = Type.Union([
	/** A disk of Nova's libvirt driver: `<instances_path>/<server_id>/<file>`. */
	Type.Object({ kind: Type.Literal("nova"), server_id: Uuid, file: Type.Enum(["disk", "disk.local"]) }),
	/** A volume of a Cinder driver that answers `driver_volume_type: nfs`: `<mount_point_base>/<md5(export)>/<name>`. */
	Type.Object({
		kind: Type.Literal("cinder-nfs"),
		volume_id: Uuid,
		export: Type.String({ minLength: 1, maxLength: 4096 }),
		name: Type.String({ minLength: 1, maxLength: 255, pattern: "^[\\w.-]+$" }),
		format: Type.Enum(["raw", "qcow2"]),
	}),
]);
export type DiskLocator = Static<typeof DiskLocator>;
