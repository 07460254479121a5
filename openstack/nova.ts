import { deleteOne, getOne, pages, segment, under } from "./answer.ts";
import type { CallOptions, Session } from "./session.ts";

const service = "compute";

/** Train: embeds the whole flavor in a server (2.47) and says whether a volume dies with it (2.79). */
export const novaMicroversion = "2.79";

/** What a server shows of its flavor since 2.47: the numbers it was made with, no id. */
export type EmbeddedFlavor = {
	original_name: string;
	vcpus: number;
	/** MiB */
	ram: number;
	/** GiB */
	disk: number;
	/** GiB */
	ephemeral: number;
	/** MiB */
	swap: number;
	extra_specs?: Record<string, string>;
};

export type Address = {
	addr: string;
	version: 4 | 6;
	"OS-EXT-IPS-MAC:mac_addr"?: string;
	"OS-EXT-IPS:type"?: "fixed" | "floating";
};

export type Server = {
	id: string;
	name: string;
	/** BUILD, ACTIVE, SHUTOFF, ERROR, … */
	status: string;
	tenant_id: string;
	user_id: string;
	created: string;
	updated: string;
	/** An empty string when the server boots from a volume. */
	image: { id: string } | "";
	flavor: EmbeddedFlavor;
	addresses: Record<string, Address[]>;
	metadata: Record<string, string>;
	key_name: string | null;
	/** "True" or "" */
	config_drive: string;
	security_groups?: { name: string }[];
	description?: string | null;
	locked?: boolean;
	fault?: { code: number; message: string; details?: string };
	"OS-EXT-AZ:availability_zone"?: string;
	"OS-EXT-STS:task_state"?: string | null;
	"OS-EXT-STS:vm_state"?: string;
	"OS-EXT-STS:power_state"?: number;
	"os-extended-volumes:volumes_attached"?: { id: string; delete_on_termination?: boolean }[];
	/** Shown to administrators only, like the three that follow. */
	"OS-EXT-SRV-ATTR:host"?: string | null;
	"OS-EXT-SRV-ATTR:hypervisor_hostname"?: string | null;
	"OS-EXT-SRV-ATTR:instance_name"?: string;
	"OS-EXT-SRV-ATTR:root_device_name"?: string | null;
	"OS-EXT-SRV-ATTR:user_data"?: string | null;
};

export type ServerSummary = { id: string; name: string };

export type ServerFilter = {
	/** Every project's servers; needs the admin role. */
	all_tenants?: boolean;
	project_id?: string;
	host?: string;
	name?: string;
	status?: string;
	/** Page size; the service has its own maximum (1000). */
	limit?: number;
};

export type ServerNetwork = { uuid?: string; port?: string; fixed_ip?: string; tag?: string };
export type BlockDevice = {
	boot_index: number | null;
	source_type: "blank" | "image" | "snapshot" | "volume";
	destination_type: "local" | "volume";
	uuid?: string;
	volume_size?: number;
	volume_type?: string;
	device_name?: string;
	delete_on_termination?: boolean;
};

export type NewServer = {
	name: string;
	flavorRef: string;
	imageRef?: string;
	/** Required since 2.37. */
	networks: "auto" | "none" | ServerNetwork[];
	availability_zone?: string;
	/** Ask for one host by name (2.74, administrators only). */
	host?: string;
	key_name?: string;
	security_groups?: { name: string }[];
	metadata?: Record<string, string>;
	config_drive?: boolean;
	/** Base64. */
	user_data?: string;
	block_device_mapping_v2?: BlockDevice[];
	description?: string;
};

export type Flavor = EmbeddedFlavorNumbers & { id: string; name: string; "os-flavor-access:is_public"?: boolean };
type EmbeddedFlavorNumbers = {
	vcpus: number;
	/** MiB */
	ram: number;
	/** GiB */
	disk: number;
	/** GiB */
	"OS-FLV-EXT-DATA:ephemeral": number;
	/** MiB; an empty string means none before 2.75. */
	swap: number | "";
	extra_specs?: Record<string, string>;
};

export type VolumeAttachment = {
	id: string;
	volumeId: string;
	serverId: string;
	/** `/dev/vdb` */
	device: string | null;
	tag?: string | null;
	delete_on_termination?: boolean;
};

export type Interface = {
	port_id: string;
	net_id: string;
	mac_addr: string;
	port_state: string;
	fixed_ips: { subnet_id: string; ip_address: string }[];
};

export type ServerGroup = { id: string; name: string; policy?: string; members: string[]; project_id?: string };
export type Keypair = { name: string; public_key: string; fingerprint: string; type?: string; user_id?: string };
export type AvailabilityZone = { zoneName: string; zoneState: { available: boolean } };

const versioned = (options: CallOptions | undefined) => ({ ...options, microversion: novaMicroversion });

/** Servers in full, newest first. */
export function listServers(session: Session, filter: ServerFilter = {}, options?: CallOptions): AsyncIterable<Server> {
	return pages(session, service, "/servers/detail", "servers", { ...versioned(options), query: filterOf(filter) });
}

/** Ids and names only. */
export function listServerNames(
	session: Session,
	filter: ServerFilter = {},
	options?: CallOptions,
): AsyncIterable<ServerSummary> {
	return pages(session, service, "/servers", "servers", { ...versioned(options), query: filterOf(filter) });
}

/** Nova reads any value but an absent one as yes in some releases, so `false` is left out. */
function filterOf({ all_tenants, ...filter }: ServerFilter) {
	return { ...filter, all_tenants: all_tenants ? 1 : undefined };
}

export async function getServer(session: Session, id: string, options?: CallOptions): Promise<Server> {
	return getOne(session, service, `/servers/${segment(id)}`, "server", versioned(options));
}

/** Answers as soon as Nova has accepted; wait for `ACTIVE` with `waitForStatus`. Called twice, it makes two servers. */
export async function createServer(
	session: Session,
	server: NewServer,
	options: CallOptions & { schedulerHints?: Record<string, unknown> } = {},
): Promise<{ id: string }> {
	const { schedulerHints, ...call } = options;
	const body = { server, ...(schedulerHints && { "os:scheduler_hints": schedulerHints }) };
	return under(service, await session.request(service, "POST", "/servers", { ...versioned(call), body }), "server");
}

export async function deleteServer(session: Session, id: string, options?: CallOptions): Promise<"accepted" | "gone"> {
	return deleteOne(session, service, `/servers/${segment(id)}`, versioned(options));
}

/** Throws `conflict` when the server is not running. */
export async function stopServer(session: Session, id: string, options?: CallOptions): Promise<void> {
	await act(session, id, { "os-stop": null }, options);
}

/** Throws `conflict` when the server is not stopped. */
export async function startServer(session: Session, id: string, options?: CallOptions): Promise<void> {
	await act(session, id, { "os-start": null }, options);
}

async function act(session: Session, id: string, body: unknown, options: CallOptions | undefined): Promise<void> {
	await session.request(service, "POST", `/servers/${segment(id)}/action`, { ...versioned(options), body });
}

export async function listVolumeAttachments(
	session: Session,
	serverId: string,
	options?: CallOptions,
): Promise<VolumeAttachment[]> {
	const path = `/servers/${segment(serverId)}/os-volume_attachments`;
	return getOne(session, service, path, "volumeAttachments", versioned(options));
}

/** Nova chooses the device name unless one is given. Throws `bad-request` when the volume is already attached. */
export async function attachVolume(
	session: Session,
	serverId: string,
	attachment: { volumeId: string; device?: string; delete_on_termination?: boolean },
	options?: CallOptions,
): Promise<VolumeAttachment> {
	const path = `/servers/${segment(serverId)}/os-volume_attachments`;
	const body = { volumeAttachment: attachment };
	const answer = await session.request(service, "POST", path, { ...versioned(options), body });
	return under(service, answer, "volumeAttachment");
}

export async function detachVolume(
	session: Session,
	serverId: string,
	volumeId: string,
	options?: CallOptions,
): Promise<"accepted" | "gone"> {
	const path = `/servers/${segment(serverId)}/os-volume_attachments/${segment(volumeId)}`;
	return deleteOne(session, service, path, versioned(options));
}

export async function listInterfaces(session: Session, serverId: string, options?: CallOptions): Promise<Interface[]> {
	const path = `/servers/${segment(serverId)}/os-interface`;
	return getOne(session, service, path, "interfaceAttachments", versioned(options));
}

/** The real names of a server's security groups with their ids. */
export async function listServerSecurityGroups(
	session: Session,
	serverId: string,
	options?: CallOptions,
): Promise<{ id: string; name: string }[]> {
	const path = `/servers/${segment(serverId)}/os-security-groups`;
	return getOne(session, service, path, "security_groups", versioned(options));
}

export function listFlavors(
	session: Session,
	filter: { limit?: number; is_public?: "none" } = {},
	options?: CallOptions,
): AsyncIterable<Flavor> {
	return pages(session, service, "/flavors/detail", "flavors", { ...versioned(options), query: filter });
}

export async function getFlavor(session: Session, id: string, options?: CallOptions): Promise<Flavor> {
	return getOne(session, service, `/flavors/${segment(id)}`, "flavor", versioned(options));
}

/** Administrators only. Throws `conflict` when the name or id is taken. */
export async function createFlavor(
	session: Session,
	flavor: {
		name: string;
		vcpus: number;
		ram: number;
		disk: number;
		id?: string;
		swap?: number;
		"OS-FLV-EXT-DATA:ephemeral"?: number;
	},
	options?: CallOptions,
): Promise<Flavor> {
	const answer = await session.request(service, "POST", "/flavors", { ...versioned(options), body: { flavor } });
	return under(service, answer, "flavor");
}

/** A keypair belongs to a user; `userId` asks for another's (administrators only). */
export async function getKeypair(
	session: Session,
	name: string,
	options: CallOptions & { userId?: string } = {},
): Promise<Keypair> {
	const { userId, ...call } = options;
	const path = `/os-keypairs/${segment(name)}`;
	return getOne(session, service, path, "keypair", { ...versioned(call), query: { user_id: userId } });
}

export function listServerGroups(
	session: Session,
	filter: { all_projects?: boolean; limit?: number } = {},
	options?: CallOptions,
): AsyncIterable<ServerGroup> {
	const query = { ...filter, all_projects: filter.all_projects ? true : undefined };
	return pages(session, service, "/os-server-groups", "server_groups", { ...versioned(options), query });
}

export async function listAvailabilityZones(session: Session, options?: CallOptions): Promise<AvailabilityZone[]> {
	return getOne(session, service, "/os-availability-zone", "availabilityZoneInfo", versioned(options));
}
