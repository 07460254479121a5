import type { BlockDevice } from "#openstack/nova.ts";
import { attachmentsOf, connect, release, reserve } from "./attachment.ts";
import { badRequest } from "./fault.ts";
import type { StoredServer } from "./state.ts";
import type { Caller } from "./token.ts";
import { buildVolume, finishVolumeDelete, startVolume } from "./volume.ts";
import type { World } from "./world.ts";

/** Reserves what one entry of `block_device_mapping_v2` names. Throws Nova's 400 and 404. */
export function mapDevice(world: World, caller: Caller, server: StoredServer, device: BlockDevice): void {
	const path = device.device_name ?? (Number(device.boot_index) === 0 ? "/dev/vda" : undefined);
	// The image named as a local boot disk is what the server has without any mapping.
	if (device.source_type === "image" && device.destination_type === "local") {
		if (device.uuid !== undefined) server.image_id = device.uuid;
		return;
	}
	if (device.source_type === "volume") {
		reserve(world, server, device.uuid ?? "", path);
		if (device.delete_on_termination && device.uuid) server.own_volumes.push(device.uuid);
		return;
	}
	if (device.destination_type !== "volume" || device.source_type === "snapshot") {
		throw badRequest("Block Device Mapping is Invalid: this cloud maps images, volumes and blank volumes only.");
	}
	const volume = startVolume(world, caller, {
		size: device.volume_size ?? 0,
		name: "",
		...(device.source_type === "image" && device.uuid !== undefined && { imageRef: device.uuid }),
		...(device.volume_type !== undefined && { volume_type: device.volume_type }),
	});
	volume.status = "available"; // For `reserve`; its file is made by the server's build.
	reserve(world, server, volume.id, path);
	if (device.delete_on_termination) server.own_volumes.push(volume.id);
	volume.status = "creating";
}

/** Makes the new volumes of a server's mapping and connects all of them. Throws when one cannot be made. Safe to do again. */
export async function connectVolumes(world: World, server: StoredServer): Promise<void> {
	for (const attachment of attachmentsOf(world, server.id)) {
		const volume = world.state.volumes[attachment.volume_id];
		if (volume?.status === "creating") await buildVolume(world, volume);
		if (volume?.status === "error") throw new Error(`Volume ${volume.id} could not be made: ${volume.reason}`);
		await connect(world, attachment);
	}
}

/** Takes every volume off a server, and deletes those that were to die with it. Safe to do again. */
export async function releaseVolumes(world: World, server: StoredServer): Promise<void> {
	for (const attachment of attachmentsOf(world, server.id)) {
		release(world, attachment);
		const volume = world.state.volumes[attachment.volume_id];
		if (volume !== undefined && server.own_volumes.includes(volume.id)) await finishVolumeDelete(world, volume);
	}
}
