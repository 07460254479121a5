import { type ConnectionInfo, getAttachment, listAttachments } from "#openstack/cinder.ts";
import { collect } from "#openstack/collect.ts";
import { listVolumeAttachments, type Server } from "#openstack/nova.ts";
import type { Session } from "#openstack/session.ts";
import type { DiskLocator } from "#schemas/locator.ts";
import { CannotDo } from "./step.ts";

const gib = 1024 ** 3;

export type LocatedDisk = {
	/** The volume's id, or the device name of a Nova disk. */
	disk_id: string;
	/** `vda` */
	device: string;
	volume_id: string | null;
	locator: DiskLocator;
};

/** A server's host. Throws `CannotDo` where Nova does not tell. */
export function hostOf(server: Server): string {
	const host = server["OS-EXT-SRV-ATTR:host"];
	if (host) return host;
	throw new CannotDo(
		`Nova does not tell the host of instance ${server.name}; give Holdfast's service user the admin role.`,
	);
}

export const bootsFromVolume = (server: Server): boolean => server.image === "";

/** Virtual size of the disk that Nova made for the server. */
export const rootDiskBytes = (server: Server): number => server.flavor.disk * gib;

/**
 * All disks of a server in device order, and where its host's agent finds each. Throws `CannotDo`, with a sentence,
 * for a disk that this version cannot reach: silence would be a backup with a hole.
 */
export async function locateDisks(session: Session, server: Server): Promise<LocatedDisk[]> {
	if (server.flavor.ephemeral > 0) {
		throw new CannotDo(
			`Instance ${server.name} has an ephemeral disk; this version protects root disks and volumes only.`,
		);
	}
	const disks: LocatedDisk[] = [];
	if (!bootsFromVolume(server)) {
		const device = deviceName(server["OS-EXT-SRV-ATTR:root_device_name"]) ?? "vda";
		const locator = { kind: "nova", server_id: server.id, file: "disk" } as const;
		disks.push({ disk_id: device, device, volume_id: null, locator });
	}
	const attached = await listVolumeAttachments(session, server.id);
	const connections = attached.length === 0 ? new Map() : await readConnections(session, server.id);
	for (const { volumeId, device } of attached) {
		const locator = volumeLocator(server, volumeId, connections.get(volumeId));
		disks.push({ disk_id: volumeId, device: deviceName(device) ?? volumeId, volume_id: volumeId, locator });
	}
	return disks.sort((a, b) => a.device.length - b.device.length || a.device.localeCompare(b.device));
}

async function readConnections(session: Session, serverId: string): Promise<Map<string, ConnectionInfo>> {
	const connections = new Map<string, ConnectionInfo>();
	for (const { id, volume_id } of await collect(listAttachments(session, { instance_id: serverId }))) {
		connections.set(volume_id, (await getAttachment(session, id)).connection_info);
	}
	return connections;
}

function volumeLocator(server: Server, volumeId: string, connection: ConnectionInfo | undefined): DiskLocator {
	const where = `Volume ${volumeId} of instance ${server.name}`;
	if (connection === undefined)
		throw new CannotDo(`${where} has no attachment that Cinder knows of; detach and attach it again.`);
	const driver = connection.driver_volume_type ?? "unknown";
	if (driver !== "nfs") throw new CannotDo(`${where} is on a backend of type ${driver}, which is not supported yet.`);
	if (connection.encrypted) throw new CannotDo(`${where} is encrypted, which is not supported yet.`);
	const { export: share, name, format = "raw" } = connection;
	if (!share || !name || (format !== "raw" && format !== "qcow2")) {
		throw new CannotDo(`Cinder's connection of ${where.toLowerCase()} lacks its export, name or format.`);
	}
	return { kind: "cinder-nfs", volume_id: volumeId, export: share, name, format };
}

/** `/dev/vdb` → `vdb` */
function deviceName(path: string | null | undefined): string | undefined {
	return path ? path.replace(/^\/dev\//, "") : undefined;
}
