import type { NewServer } from "#openstack/nova.ts";
import { makeRootDisk, removeInstance } from "./disk.ts";
import { badRequest, conflict, forbidden } from "./fault.ts";
import { plugPorts, unplug } from "./server-network.ts";
import { connectVolumes, mapDevice, releaseVolumes } from "./server-volume.ts";
import type { StoredServer } from "./state.ts";
import type { Caller } from "./token.ts";
import { run, second, type World } from "./world.ts";

/** Accepts a server in BUILD, with its ports; its disks are made after the answer. Throws Nova's 4xx. */
export function startServer(
	world: World,
	caller: Caller,
	fields: NewServer,
	hints: { group?: string } = {},
): StoredServer {
	const { state } = world;
	const flavor = state.flavors[fields.flavorRef?.split("/").at(-1) ?? ""];
	if (flavor === undefined) throw badRequest(`Flavor ${fields.flavorRef} could not be found.`);
	const bootDevice = fields.block_device_mapping_v2?.find((device) => Number(device.boot_index) === 0);
	const imageId = bootDevice === undefined ? fields.imageRef : undefined;
	if (imageId === undefined && bootDevice === undefined) {
		throw badRequest("Invalid imageRef provided.");
	}
	if (imageId !== undefined) readableImage(world, caller, imageId);
	if (fields.key_name !== undefined) {
		const known = state.keypairs.some((pair) => pair.name === fields.key_name && pair.user_id === caller.userId);
		if (!known) throw badRequest("Invalid key_name provided.");
	}
	if (hints.group !== undefined && state.serverGroups[hints.group]?.project_id !== caller.projectId) {
		throw badRequest(`Instance group ${hints.group} could not be found.`);
	}
	const { host, zone } = placeServer(world, caller, fields);
	const now = second(world.now());
	const server: StoredServer = {
		id: world.newId(),
		number: state.nextServerNumber++,
		name: fields.name,
		description: fields.description ?? null,
		project_id: caller.projectId,
		user_id: caller.userId,
		host,
		availability_zone: zone,
		status: "BUILD",
		task_state: "scheduling",
		created: now,
		updated: now,
		launched: null,
		flavor: structuredClone(flavor),
		image_id: imageId,
		key_name: fields.key_name ?? null,
		metadata: fields.metadata ?? {},
		config_drive: fields.config_drive === true,
		user_data: fields.user_data ?? null,
		own_ports: [],
		own_volumes: [],
		server_group: hints.group,
		fault: undefined,
	};
	try {
		plugPorts(world, server, fields);
		for (const device of fields.block_device_mapping_v2 ?? []) mapDevice(world, caller, server, device);
	} catch (error) {
		unplug(world, server);
		run(world, releaseVolumes(world, server));
		throw error;
	}
	state.servers[server.id] = server;
	if (hints.group !== undefined) state.serverGroups[hints.group]?.members.push(server.id);
	return server;
}

function readableImage(world: World, caller: Caller, id: string): void {
	const image = world.state.images[id];
	const mine =
		image !== undefined && (caller.isAdmin || image.owner === caller.projectId || image.visibility === "public");
	if (!mine) throw badRequest(`Can not find requested image`);
}

/** The emptiest host, or the one an administrator names (`nova:HOST`, or `host` since 2.74). */
function placeServer(world: World, caller: Caller, fields: NewServer): { host: string; zone: string } {
	const [zone = "nova", forced = fields.host] = (fields.availability_zone ?? "nova").split(":");
	if (zone !== "nova") throw badRequest("The requested availability zone is not available");
	if (forced !== undefined) {
		if (!caller.isAdmin) throw forbidden("os_compute_api:servers:create:forced_host");
		if (!world.hosts.includes(forced)) throw badRequest(`Compute host ${forced} could not be found.`);
		return { host: forced, zone };
	}
	const load = (host: string) => Object.values(world.state.servers).filter((server) => server.host === host).length;
	const [host = ""] = [...world.hosts].sort((a, b) => load(a) - load(b));
	return { host, zone };
}

/** Makes the disks of a server in BUILD. Ends in ACTIVE or ERROR; never rejects. Safe to do again after a crash. */
export async function buildServer(world: World, server: StoredServer): Promise<void> {
	const { images, servers } = world.state;
	try {
		if (server.flavor.ephemeral > 0 || server.flavor.swap > 0) {
			throw new Error("No valid host was found: this cloud has no ephemeral or swap disks.");
		}
		const image = server.image_id === undefined ? undefined : images[server.image_id];
		if (server.image_id !== undefined) {
			if (image === undefined) throw new Error(`Image ${server.image_id} could not be found.`);
			await makeRootDisk(world, server, image);
		}
		await connectVolumes(world, server);
		server.status = "ACTIVE";
		server.launched = second(world.now());
	} catch (error) {
		server.status = "ERROR";
		server.fault = { code: 500, message: (error as Error).message, created: second(world.now()) };
	}
	server.task_state = null;
	touch(world, server);
	// Deleted while it was being built: what the build has made since must go too.
	if (servers[server.id] === undefined) await removeInstance(world, server);
	await world.save();
}

/** There is no hypervisor: running and stopped are only words. Throws Nova's 409 when it is already so. */
export function changePower(world: World, server: StoredServer, action: "stop" | "start"): void {
	const [from, to] = action === "stop" ? (["ACTIVE", "SHUTOFF"] as const) : (["SHUTOFF", "ACTIVE"] as const);
	if (server.status !== from || server.task_state !== null) {
		const where = server.task_state === null ? `vm_state ${vmState(server)}` : `task_state ${server.task_state}`;
		throw conflict(`Cannot '${action}' instance ${server.id} while it is in ${where}`);
	}
	server.task_state = action === "stop" ? "powering-off" : "powering-on";
	const finish = async () => {
		server.status = to;
		server.task_state = null;
		touch(world, server);
		await world.save();
	};
	run(world, finish());
}

export function vmState(server: StoredServer): string {
	return { BUILD: "building", ACTIVE: "active", SHUTOFF: "stopped", ERROR: "error", DELETED: "deleted" }[server.status];
}

/** Frees ports and volumes, and removes the disks. Safe to do again. */
export async function deleteServer(world: World, server: StoredServer): Promise<void> {
	const { servers, serverGroups } = world.state;
	unplug(world, server);
	await releaseVolumes(world, server);
	for (const group of Object.values(serverGroups)) group.members = group.members.filter((id) => id !== server.id);
	await removeInstance(world, server);
	delete servers[server.id];
	await world.save();
}

export function touch(world: World, server: StoredServer): void {
	server.updated = second(world.now());
}
