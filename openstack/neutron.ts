import { deleteOne, getOne, pages, segment, under } from "./answer.ts";
import type { CallOptions, Session } from "./session.ts";

const service = "network";

/** Neutron pages only when asked to. */
const pageSize = 500;

type Owned = { id: string; name: string; project_id: string; tenant_id?: string; description?: string };

export type Network = Owned & {
	status: string;
	admin_state_up: boolean;
	shared: boolean;
	"router:external": boolean;
	port_security_enabled?: boolean;
	mtu?: number;
	subnets: string[];
	availability_zone_hints?: string[];
	"provider:network_type"?: string;
	"provider:physical_network"?: string | null;
	"provider:segmentation_id"?: number | null;
};

export type Subnet = Owned & {
	network_id: string;
	cidr: string;
	ip_version: 4 | 6;
	gateway_ip: string | null;
	enable_dhcp: boolean;
	dns_nameservers: string[];
	host_routes: { destination: string; nexthop: string }[];
	allocation_pools: { start: string; end: string }[];
	ipv6_address_mode?: string | null;
	ipv6_ra_mode?: string | null;
};

export type FixedIp = { subnet_id: string; ip_address: string };

export type Port = Owned & {
	network_id: string;
	status: string;
	admin_state_up: boolean;
	mac_address: string;
	fixed_ips: FixedIp[];
	device_id: string;
	/** `compute:nova`, `network:router_interface`, … */
	device_owner: string;
	security_groups: string[];
	port_security_enabled?: boolean;
	allowed_address_pairs?: { ip_address: string; mac_address?: string }[];
	"binding:vnic_type"?: string;
	"binding:host_id"?: string;
};

export type NewPort = {
	network_id: string;
	name?: string;
	mac_address?: string;
	fixed_ips?: { subnet_id?: string; ip_address?: string }[];
	security_groups?: string[];
	device_id?: string;
	device_owner?: string;
	admin_state_up?: boolean;
	project_id?: string;
};

export type Router = Owned & {
	status: string;
	admin_state_up: boolean;
	external_gateway_info: { network_id: string; enable_snat?: boolean; external_fixed_ips?: FixedIp[] } | null;
	routes: { destination: string; nexthop: string }[];
	distributed?: boolean;
	ha?: boolean;
};

export type SecurityGroupRule = {
	id: string;
	security_group_id: string;
	project_id: string;
	direction: "ingress" | "egress";
	ethertype: "IPv4" | "IPv6";
	protocol: string | null;
	port_range_min: number | null;
	port_range_max: number | null;
	remote_ip_prefix: string | null;
	remote_group_id: string | null;
	description?: string;
};

export type SecurityGroup = Owned & { stateful?: boolean; shared?: boolean; security_group_rules: SecurityGroupRule[] };

export type FloatingIp = {
	id: string;
	project_id: string;
	floating_ip_address: string;
	floating_network_id: string;
	fixed_ip_address: string | null;
	port_id: string | null;
	router_id: string | null;
	status: string;
	description?: string;
};

/** Filters are Neutron's own: field = value, repeated for "any of". */
export type NetworkFilter = Record<string, string | boolean | readonly string[] | undefined>;

function list<T>(
	session: Session,
	path: string,
	key: string,
	filter: NetworkFilter,
	options?: CallOptions,
): AsyncIterable<T> {
	return pages<T>(session, service, path, key, { ...options, query: { limit: pageSize, ...filter } });
}

export function listNetworks(
	session: Session,
	filter: NetworkFilter = {},
	options?: CallOptions,
): AsyncIterable<Network> {
	return list(session, "/networks", "networks", filter, options);
}

export async function getNetwork(session: Session, id: string, options?: CallOptions): Promise<Network> {
	return getOne(session, service, `/networks/${segment(id)}`, "network", options);
}

export function listSubnets(
	session: Session,
	filter: NetworkFilter = {},
	options?: CallOptions,
): AsyncIterable<Subnet> {
	return list(session, "/subnets", "subnets", filter, options);
}

export async function getSubnet(session: Session, id: string, options?: CallOptions): Promise<Subnet> {
	return getOne(session, service, `/subnets/${segment(id)}`, "subnet", options);
}

/** `{ device_id: serverId }` lists a server's ports. */
export function listPorts(session: Session, filter: NetworkFilter = {}, options?: CallOptions): AsyncIterable<Port> {
	return list(session, "/ports", "ports", filter, options);
}

export async function getPort(session: Session, id: string, options?: CallOptions): Promise<Port> {
	return getOne(session, service, `/ports/${segment(id)}`, "port", options);
}

/** Throws `conflict` when an address is taken. Called twice without a fixed address, it makes two ports. */
export async function createPort(session: Session, port: NewPort, options?: CallOptions): Promise<Port> {
	return under(service, await session.request(service, "POST", "/ports", { ...options, body: { port } }), "port");
}

export async function deletePort(session: Session, id: string, options?: CallOptions): Promise<"accepted" | "gone"> {
	return deleteOne(session, service, `/ports/${segment(id)}`, options);
}

export function listRouters(
	session: Session,
	filter: NetworkFilter = {},
	options?: CallOptions,
): AsyncIterable<Router> {
	return list(session, "/routers", "routers", filter, options);
}

export async function getRouter(session: Session, id: string, options?: CallOptions): Promise<Router> {
	return getOne(session, service, `/routers/${segment(id)}`, "router", options);
}

export function listSecurityGroups(
	session: Session,
	filter: NetworkFilter = {},
	options?: CallOptions,
): AsyncIterable<SecurityGroup> {
	return list(session, "/security-groups", "security_groups", filter, options);
}

export async function getSecurityGroup(session: Session, id: string, options?: CallOptions): Promise<SecurityGroup> {
	return getOne(session, service, `/security-groups/${segment(id)}`, "security_group", options);
}

export function listSecurityGroupRules(
	session: Session,
	filter: NetworkFilter = {},
	options?: CallOptions,
): AsyncIterable<SecurityGroupRule> {
	return list(session, "/security-group-rules", "security_group_rules", filter, options);
}

export function listFloatingIps(
	session: Session,
	filter: NetworkFilter = {},
	options?: CallOptions,
): AsyncIterable<FloatingIp> {
	return list(session, "/floatingips", "floatingips", filter, options);
}

export async function getFloatingIp(session: Session, id: string, options?: CallOptions): Promise<FloatingIp> {
	return getOne(session, service, `/floatingips/${segment(id)}`, "floatingip", options);
}
