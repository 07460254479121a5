import { randomUUID } from "node:crypto";
import { mkdir, realpath } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import fastify, { type FastifyInstance } from "fastify";
import { attachmentsOf, connect, reserve } from "./attachment.ts";
import { cinder } from "./cinder.ts";
import { volumeFile } from "./disk.ts";
import { addImage, glance, type NewImage } from "./glance.ts";
import { keystone } from "./keystone.ts";
import { neutron } from "./neutron.ts";
import { nova } from "./nova.ts";
import type { DiskFormat } from "./qemu.ts";
import { named, projectNamed, registerBuiltIn, seed, seedProject, seedUser } from "./seed.ts";
import { buildServer, deleteServer, startServer } from "./server.ts";
import { emptyState, loadState, type StoredImage, type StoredServer, type StoredVolume, stateWriter } from "./state.ts";
import { type Caller, issueToken } from "./token.ts";
import { buildVolume, finishVolumeDelete, formatOf, startVolume } from "./volume.ts";
import { hostFolder, instanceFolder, run, type World } from "./world.ts";

export type CloudOptions = {
	dataFolder: string;
	/** Default 0: any free port. */
	port?: number;
	/** Compute hosts; default `["compute-1"]`. */
	hosts?: readonly string[];
	/** Default 3600, Keystone's own. */
	tokenLifetimeSeconds?: number;
	now?: () => Date;
	newId?: () => string;
};

export type DiskFile = { path: string; format: DiskFormat };

export type Cloud = {
	/** `http://127.0.0.1:PORT/identity/v3` */
	authUrl: string;
	url: string;
	/** A compute host's state folder: `instances/`, `mnt/`. */
	hostFolder: (host: string) => string;
	/** The file behind a server's disk, by device name. */
	disk: (serverId: string, device: string) => DiskFile;
	diskPath: (serverId: string, device: string) => string;
	projectId: (name: string) => string;
	/** Ends a token before its time. */
	expireToken: (id: string) => void;
	seedProject: (name: string) => Promise<string>;
	/** `roles` is role name by project name. */
	seedUser: (user: { name: string; password: string; roles: Record<string, string> }) => Promise<string>;
	/** An active image of a file that exists; `project` is a name. */
	seedImage: (image: Omit<NewImage, "owner"> & { project: string }) => Promise<StoredImage>;
	/** A server that is ACTIVE when this resolves; throws when it could not be built. Names, not ids. */
	seedServer: (server: SeedServer) => Promise<StoredServer>;
	/** A volume that is available when this resolves. */
	seedVolume: (volume: { name: string; project: string; size: number; type?: string }) => Promise<StoredVolume>;
	/** Attaches a volume to a server as Nova would, and answers the device name. */
	seedAttachment: (serverId: string, volumeId: string) => Promise<string>;
	/** Stops listening and ends background work. Tokens are gone; the rest comes back with the next start. */
	close: () => Promise<void>;
};

export type SeedServer = {
	name: string;
	project: string;
	flavor: string;
	imageId: string;
	host?: string;
	network?: string;
	metadata?: Record<string, string>;
};

/**
 * Starts the demo cloud on loopback. A folder that holds a cloud already is opened again with everything in it; an
 * empty one is seeded. Half-built servers and volumes are built again, half-deleted ones deleted.
 */
export async function startCloud(options: CloudOptions): Promise<Cloud> {
	const world = await openWorld(options);
	const app = serve(world);
	await app.listen({ host: "127.0.0.1", port: options.port ?? 0 });
	world.url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
	registerBuiltIn(world);
	await world.save();
	resume(world);
	return { ...controls(world), close: () => stop(world, app) };
}

async function openWorld(options: CloudOptions): Promise<World> {
	await mkdir(options.dataFolder, { recursive: true });
	// Backing files are recorded by absolute path.
	const folder = await realpath(options.dataFolder);
	const stored = await loadState(folder);
	const state = stored ?? emptyState();
	const world: World = {
		state,
		save: stateWriter(folder, state),
		tokens: new Map(),
		folder,
		hosts: options.hosts ?? ["compute-1"],
		url: "",
		tokenLifetimeSeconds: options.tokenLifetimeSeconds ?? 3_600,
		now: options.now ?? (() => new Date()),
		newId: options.newId ?? randomUUID,
		background: new Set(),
	};
	if (stored === undefined) seed(world);
	for (const host of world.hosts) await mkdir(join(hostFolder(world, host), "instances"), { recursive: true });
	return world;
}

function serve(world: World): FastifyInstance {
	const app = fastify({ routerOptions: { ignoreTrailingSlash: true }, forceCloseConnections: true });
	const services = { identity: keystone, compute: nova, volume: cinder, image: glance, networking: neutron };
	for (const [prefix, service] of Object.entries(services)) {
		app.register(async (scope) => service(scope, world), { prefix: `/${prefix}` });
	}
	return app;
}

/** Takes up what the last process left half done. */
function resume(world: World): void {
	const { servers, volumes, attachments } = world.state;
	for (const server of Object.values(servers)) {
		if (server.task_state === "deleting") run(world, deleteServer(world, server));
		else if (server.status === "BUILD") run(world, buildServer(world, server));
		else server.task_state = null;
	}
	const used = new Set(Object.values(attachments).map((one) => one.volume_id));
	for (const volume of Object.values(volumes)) {
		if (volume.status === "deleting") run(world, finishVolumeDelete(world, volume));
		if (volume.status === "creating" && !used.has(volume.id)) run(world, buildVolume(world, volume));
	}
	for (const attachment of Object.values(attachments)) {
		const built = servers[attachment.instance ?? ""]?.status !== "BUILD";
		if (attachment.status === "reserved" && built) run(world, connect(world, attachment));
	}
}

async function stop(world: World, app: FastifyInstance): Promise<void> {
	await app.close();
	while (world.background.size > 0) await Promise.allSettled([...world.background]);
	await world.save();
}

function controls(world: World): Omit<Cloud, "close"> {
	const { state } = world;
	/** Seeding acts as the project's administrator, through the same code as a request. */
	const actor = (project: string): Caller => {
		const projectId = projectNamed(world, project);
		const userId = named(state.users, "admin").id;
		const token = issueToken(world, {
			userId,
			projectId,
			roleIds: [named(state.roles, "admin").id],
			methods: ["password"],
		});
		world.tokens.delete(token.id);
		return { token, userId, projectId, roles: new Set(["admin", "member", "reader"]), isAdmin: true };
	};
	const disk = (serverId: string, device: string): DiskFile => {
		const attachment = attachmentsOf(world, serverId).find((one) => one.mountpoint === device);
		const volume = attachment && state.volumes[attachment.volume_id];
		if (volume !== undefined) return { path: volumeFile(world, volume.id), format: formatOf(world, volume) };
		const server = state.servers[serverId];
		if (server?.image_id !== undefined && device === "/dev/vda") {
			return { path: join(instanceFolder(world, server.host, serverId), "disk"), format: "qcow2" };
		}
		throw new Error(`Server ${serverId} has no ${device}.`);
	};
	return {
		authUrl: `${world.url}/identity/v3`,
		url: world.url,
		hostFolder: (host) => hostFolder(world, host),
		disk,
		diskPath: (serverId, device) => disk(serverId, device).path,
		projectId: (name) => projectNamed(world, name),
		expireToken: (id) => {
			const token = world.tokens.get(id);
			if (token !== undefined) token.expiresAt = world.now();
		},
		seedProject: async (name) => {
			const id = seedProject(world, name);
			await world.save();
			return id;
		},
		seedUser: async (user) => {
			const id = seedUser(world, user);
			await world.save();
			return id;
		},
		seedImage: ({ project, ...image }) => addImage(world, { ...image, owner: projectNamed(world, project) }),
		seedServer: async ({ name, project, flavor, imageId, host, network, metadata }) => {
			const server = startServer(world, actor(project), {
				name,
				flavorRef: named(state.flavors, flavor).id,
				imageRef: imageId,
				networks: network === undefined ? "auto" : [{ uuid: named(state.networks, network).id }],
				...(host !== undefined && { host }),
				...(metadata !== undefined && { metadata }),
			});
			await buildServer(world, server);
			if (server.fault !== undefined) throw new Error(server.fault.message);
			return server;
		},
		seedVolume: async ({ name, project, size, type }) => {
			const volume = startVolume(world, actor(project), {
				name,
				size,
				...(type !== undefined && { volume_type: type }),
			});
			await buildVolume(world, volume);
			if (volume.status === "error") throw new Error(volume.reason);
			return volume;
		},
		seedAttachment: async (serverId, volumeId) => {
			const server = state.servers[serverId];
			if (server === undefined) throw new Error(`The demo cloud has no server ${serverId}.`);
			const attachment = reserve(world, server, volumeId);
			await connect(world, attachment);
			return attachment.mountpoint;
		},
	};
}
