import { mountShare, shareExport, volumeName } from "./disk.ts";
import { badRequest, notFound } from "./fault.ts";
import type { StoredAttachment, StoredServer, StoredVolume } from "./state.ts";
import { formatOf } from "./volume.ts";
import { microsecond, type World } from "./world.ts";

const letters = "abcdefghijklmnopqrstuvwxyz";

export function attachmentsOf(world: World, serverId: string): StoredAttachment[] {
	return Object.values(world.state.attachments)
		.filter((one) => one.instance === serverId)
		.sort((a, b) => a.mountpoint.localeCompare(b.mountpoint));
}

/** Reserves a volume for a server under a device name. Throws Nova's 400 and 404. */
export function reserve(
	world: World,
	server: StoredServer,
	volumeId: string,
	device?: string | null,
): StoredAttachment {
	const volume = world.state.volumes[volumeId];
	if (volume === undefined || volume.project_id !== server.project_id) {
		throw notFound(`Volume ${volumeId} could not be found.`);
	}
	if (volume.status !== "available") {
		throw badRequest(`Invalid volume: volume ${volumeId} status must be 'available'. Currently in '${volume.status}'`);
	}
	const used = new Set(attachmentsOf(world, server.id).map((one) => one.mountpoint));
	if (server.image_id !== undefined) used.add("/dev/vda");
	if (device && used.has(device)) throw badRequest(`The supplied device path (${device}) is in use.`);
	const mountpoint = device ?? [...letters].map((letter) => `/dev/vd${letter}`).find((path) => !used.has(path)) ?? "";
	const now = microsecond(world.now());
	const id = world.newId();
	const attachment: StoredAttachment = {
		id,
		status: "reserved",
		instance: server.id,
		volume_id: volumeId,
		attach_mode: "rw",
		attached_at: now,
		detached_at: "",
		// Cinder flattens what its driver answers: the driver's `data` and the rest side by side.
		connection_info: {},
		mountpoint,
		host: server.host,
		project_id: volume.project_id,
	};
	world.state.attachments[id] = attachment;
	volume.status = "reserved";
	return attachment;
}

/** Connects a reserved volume to its host and marks it in use. Safe to do again. */
export async function connect(world: World, attachment: StoredAttachment): Promise<void> {
	const volume = world.state.volumes[attachment.volume_id];
	if (volume === undefined) return;
	await mountShare(world, attachment.host);
	attachment.connection_info = connectionInfo(world, attachment, volume);
	attachment.status = "attached";
	volume.status = "in-use";
	await world.save();
}

/** The NFS driver's connection in the form that `GET /attachments/{id}` shows it. */
function connectionInfo(
	world: World,
	attachment: StoredAttachment,
	volume: StoredVolume,
): StoredAttachment["connection_info"] {
	return {
		driver_volume_type: "nfs",
		export: shareExport(world),
		name: volumeName(volume.id),
		format: formatOf(world, volume),
		options: null,
		mount_point_base: `${world.folder}/cinder-mnt`,
		volume_id: volume.id,
		attachment_id: attachment.id,
		access_mode: "rw",
		encrypted: false,
		qos_specs: null,
		cacheable: false,
	};
}

/** Takes a volume off its server; it is available again. */
export function release(world: World, attachment: StoredAttachment): void {
	delete world.state.attachments[attachment.id];
	const volume = world.state.volumes[attachment.volume_id];
	if (volume !== undefined) volume.status = "available";
}
