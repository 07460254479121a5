import type { NewVolume } from "#openstack/cinder.ts";
import { makeVolumeFile, removeVolumeFile } from "./disk.ts";
import { badRequest, notFound } from "./fault.ts";
import type { DiskFormat } from "./qemu.ts";
import type { StoredVolume } from "./state.ts";
import { microsecond, run, type World } from "./world.ts";

export type Owner = { projectId: string; userId: string };

/** How a type's volumes are stored: the NFS driver's choice, here an extra spec of the type. */
export function formatOf(world: World, volume: { volume_type: string | null }): DiskFormat {
	const type = Object.values(world.state.volumeTypes).find((one) => one.name === volume.volume_type);
	return type?.extra_specs["volume:format"] === "qcow2" ? "qcow2" : "raw";
}

/** Accepts a volume in `creating`; its file is made after the answer. Throws Cinder's 400 and 404. */
export function startVolume(world: World, owner: Owner, fields: NewVolume): StoredVolume {
	const size = Number(fields.size);
	if (!Number.isInteger(size) || size < 1) {
		throw badRequest(`Invalid input received: Volume size '${fields.size}' must be an integer and greater than 0`);
	}
	if (fields.snapshot_id || fields.source_volid) {
		throw badRequest("Invalid input received: this cloud makes volumes of images only");
	}
	const image = fields.imageRef === undefined ? undefined : world.state.images[fields.imageRef];
	if (fields.imageRef !== undefined && image === undefined)
		throw badRequest("Invalid image identifier or unable to access requested image.");
	if (image !== undefined && (image.virtual_size ?? 0) > size * 1024 ** 3) {
		throw badRequest(
			`Invalid input received: Size of specified image ${Math.ceil((image.virtual_size ?? 0) / 1024 ** 3)}GB is larger than volume size ${size}GB.`,
		);
	}
	const types = Object.values(world.state.volumeTypes);
	const type = types.find((one) => one.id === fields.volume_type || one.name === (fields.volume_type ?? "__DEFAULT__"));
	if (type === undefined) throw notFound(`Volume type with name ${fields.volume_type} could not be found.`);
	const now = microsecond(world.now());
	const volume: StoredVolume = {
		id: world.newId(),
		name: fields.name ?? null,
		description: fields.description ?? null,
		status: "creating",
		size,
		volume_type: type.name,
		bootable: image === undefined ? "false" : "true",
		encrypted: false,
		multiattach: false,
		availability_zone: fields.availability_zone ?? "nova",
		metadata: fields.metadata ?? {},
		...(image !== undefined && {
			volume_image_metadata: {
				image_id: image.id,
				image_name: String(image.name),
				disk_format: String(image.disk_format),
				container_format: "bare",
			},
		}),
		created_at: now,
		project_id: owner.projectId,
		user_id: owner.userId,
	};
	world.state.volumes[volume.id] = volume;
	return volume;
}

/** Makes the file of a volume in `creating`. Ends in `available` or `error`; never rejects. */
export async function buildVolume(world: World, volume: StoredVolume): Promise<void> {
	const imageId = volume.volume_image_metadata?.image_id;
	try {
		await makeVolumeFile(
			world,
			volume,
			formatOf(world, volume),
			imageId === undefined ? undefined : world.state.images[imageId],
		);
		volume.status = "available";
	} catch (error) {
		volume.status = "error";
		volume.reason = (error as Error).message;
	}
	await world.save();
}

/** Accepts the deletion of a volume that nothing uses; the file goes after the answer. */
export function startVolumeDelete(world: World, volume: StoredVolume): void {
	if (!["available", "error", "error_deleting"].includes(volume.status)) {
		throw badRequest(
			"Invalid volume: Volume status must be available or error or error_restoring or error_extending or error_managing and must not be migrating, attached, belong to a group, have snapshots, awaiting a transfer, or be disassociated from snapshots after volume transfer.",
		);
	}
	volume.status = "deleting";
	run(world, finishVolumeDelete(world, volume));
}

export async function finishVolumeDelete(world: World, volume: StoredVolume): Promise<void> {
	await removeVolumeFile(world, volume.id);
	delete world.state.volumes[volume.id];
	await world.save();
}
