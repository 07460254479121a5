import { mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { EndpointInterface } from "#openstack/catalog.ts";
import type { Attachment, Volume } from "#openstack/cinder.ts";
import type { Image } from "#openstack/glance.ts";
import type { Endpoint, Project, Role, Service, User } from "#openstack/keystone.ts";
import type {
	FloatingIp,
	Network,
	Port,
	Router,
	SecurityGroup,
	SecurityGroupRule,
	Subnet,
} from "#openstack/neutron.ts";

type ById<T> = Record<string, T>;

export type StoredUser = User & { password: string };
export type ApplicationCredential = {
	id: string;
	name: string;
	user_id: string;
	project_id: string;
	secret: string;
	roles: string[];
};
export type Assignment = { user: string; project: string; role: string };
export type StoredEndpoint = Endpoint & { interface: EndpointInterface };

export type StoredImage = Image & { file: string };

export type StoredFlavor = {
	id: string;
	name: string;
	vcpus: number;
	ram: number;
	disk: number;
	ephemeral: number;
	swap: number;
	is_public: boolean;
	extra_specs: Record<string, string>;
};

export type StoredServer = {
	id: string;
	/** Counts up through the cloud's life: the number in `instance-0000002a`. */
	number: number;
	name: string;
	description: string | null;
	project_id: string;
	user_id: string;
	host: string;
	availability_zone: string;
	status: "BUILD" | "ACTIVE" | "SHUTOFF" | "ERROR" | "DELETED";
	task_state: string | null;
	created: string;
	updated: string;
	launched: string | null;
	flavor: StoredFlavor;
	/** Undefined when it boots from a volume. */
	image_id: string | undefined;
	key_name: string | null;
	metadata: Record<string, string>;
	config_drive: boolean;
	user_data: string | null;
	/** Ports that Nova made and so deletes with the server. */
	own_ports: string[];
	/** Volumes that die with the server. */
	own_volumes: string[];
	server_group: string | undefined;
	fault: { code: number; message: string; created: string } | undefined;
};

export type StoredVolume = Omit<Volume, "attachments"> & {
	project_id: string;
	user_id: string;
	/** Why it is in `error`, for whoever reads the state file. */
	reason?: string;
};
export type StoredAttachment = Attachment & { mountpoint: string; host: string; project_id: string };
export type StoredVolumeType = { id: string; name: string; is_public: boolean; extra_specs: Record<string, string> };
export type StoredServerGroup = {
	id: string;
	name: string;
	policy: string;
	members: string[];
	project_id: string;
	user_id: string;
};
export type StoredKeypair = { name: string; public_key: string; fingerprint: string; user_id: string; type: string };

/** Everything the cloud knows, but for tokens. One JSON file. */
export type State = {
	nextServerNumber: number;
	domains: ById<{ id: string; name: string; enabled: boolean; description: string }>;
	projects: ById<Project>;
	users: ById<StoredUser>;
	roles: ById<Role>;
	assignments: Assignment[];
	credentials: ById<ApplicationCredential>;
	services: ById<Service>;
	endpoints: ById<StoredEndpoint>;
	images: ById<StoredImage>;
	flavors: ById<StoredFlavor>;
	keypairs: StoredKeypair[];
	servers: ById<StoredServer>;
	serverGroups: ById<StoredServerGroup>;
	volumeTypes: ById<StoredVolumeType>;
	volumes: ById<StoredVolume>;
	attachments: ById<StoredAttachment>;
	networks: ById<Network>;
	subnets: ById<Subnet>;
	ports: ById<Port>;
	routers: ById<Router>;
	securityGroups: ById<Omit<SecurityGroup, "security_group_rules">>;
	securityGroupRules: ById<SecurityGroupRule>;
	floatingIps: ById<FloatingIp>;
};

export function emptyState(): State {
	return {
		nextServerNumber: 1,
		domains: {},
		projects: {},
		users: {},
		roles: {},
		assignments: [],
		credentials: {},
		services: {},
		endpoints: {},
		images: {},
		flavors: {},
		keypairs: [],
		servers: {},
		serverGroups: {},
		volumeTypes: {},
		volumes: {},
		attachments: {},
		networks: {},
		subnets: {},
		ports: {},
		routers: {},
		securityGroups: {},
		securityGroupRules: {},
		floatingIps: {},
	};
}

/** Undefined when the folder has no cloud yet. */
export async function loadState(folder: string): Promise<State | undefined> {
	try {
		return JSON.parse(await readFile(join(folder, "cloud.json"), "utf8")) as State;
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
		throw error;
	}
}

/**
 * Makes the function that writes the state durably and atomically. Callers that come while a write is under way share
 * the next one, which starts after they called and so holds what they changed.
 */
export function stateWriter(folder: string, state: State): () => Promise<void> {
	let running: Promise<void> = Promise.resolve();
	let next: Promise<void> | undefined;

	const write = async () => {
		const path = join(folder, "cloud.json");
		await mkdir(dirname(path), { recursive: true });
		const file = await open(`${path}.new`, "w");
		try {
			await file.writeFile(JSON.stringify(state, null, "\t"));
			await file.sync();
		} finally {
			await file.close();
		}
		await rename(`${path}.new`, path);
	};
	return () => {
		next ??= running
			.catch(() => {})
			.then(() => {
				next = undefined;
				running = write();
				return running;
			});
		return next;
	};
}
