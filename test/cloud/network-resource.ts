import type { FloatingIp, Network, NewPort, Router, Subnet } from "#openstack/neutron.ts";
import { allocate, defaultPool, firstHost } from "./address.ts";
import { badRequest, conflict, notFound } from "./fault.ts";
import { makePort } from "./port.ts";
import { defaultGroup, makeGroup, makeRule, withRules } from "./security-group.ts";
import { second, type World } from "./world.ts";

type Stored = { id: string; project_id: string; [field: string]: unknown };
type Body = Record<string, unknown>;

/** What the routes of one Neutron resource need to know. */
export type Resource = {
	name: string;
	plural: string;
	table: Record<string, Stored>;
	show: (one: Stored) => Record<string, unknown>;
	make: (projectId: string, body: Body) => Stored;
	missing: (id: string) => string;
	missingCode: string;
	/** What Neutron makes when a project first asks. */
	beforeList?: (projectId: string) => void;
	/** Throws 409 while something still uses it. */
	mayDelete?: (id: string) => void;
	deleted?: (id: string) => void;
};

const text = (value: unknown, otherwise = ""): string => (typeof value === "string" ? value : otherwise);

function required(body: Body, field: string): string {
	const value = body[field];
	if (typeof value === "string" && value !== "") return value;
	throw badRequest(`Failed to parse request. Required attribute '${field}' not specified`, "HTTPBadRequest");
}

/** The seven resources that capture and restore read and write. */
export function resources(world: World): Resource[] {
	const { state } = world;
	const common = (projectId: string, body: Body) => ({
		id: world.newId(),
		name: text(body.name),
		description: text(body.description),
		project_id: projectId,
		tenant_id: projectId,
		created_at: second(world.now()),
		updated_at: second(world.now()),
	});
	const portsOf = (field: "network_id", id: string) => Object.values(state.ports).filter((port) => port[field] === id);
	const plain = (one: Stored) => one;
	const resource = <T extends { id: string; project_id: string }>(
		fields: Omit<Resource, "table" | "show" | "make" | "missing"> & {
			table: Record<string, T>;
			show?: (one: T) => unknown;
			make: (projectId: string, body: Body) => T;
			title: string;
		},
	): Resource => {
		const { title, show = plain, ...rest } = fields;
		return { ...rest, show, missing: (id: string) => `${title} ${id} could not be found.` } as unknown as Resource;
	};

	return [
		resource({
			name: "network",
			plural: "networks",
			title: "Network",
			missingCode: "NetworkNotFound",
			table: state.networks,
			show: (network) => {
				const subnets = Object.values(state.subnets).filter((one) => one.network_id === network.id);
				return { ...network, subnets: subnets.map((one) => one.id) };
			},
			make: (projectId, body) => {
				const network: Network = {
					...common(projectId, body),
					status: "ACTIVE",
					admin_state_up: body.admin_state_up !== false,
					shared: body.shared === true,
					"router:external": body["router:external"] === true,
					port_security_enabled: true,
					mtu: 1450,
					subnets: [],
					availability_zone_hints: [],
				};
				state.networks[network.id] = network;
				return network;
			},
			mayDelete: (id) => {
				if (portsOf("network_id", id).length === 0) return;
				throw conflict(
					`Unable to complete operation on network ${id}. There are one or more ports still in use on the network.`,
					"NetworkInUse",
				);
			},
			deleted: (id) => {
				for (const subnet of Object.values(state.subnets))
					if (subnet.network_id === id) delete state.subnets[subnet.id];
			},
		}),
		resource({
			name: "subnet",
			plural: "subnets",
			title: "Subnet",
			missingCode: "SubnetNotFound",
			table: state.subnets,
			make: (projectId, body) => {
				const networkId = required(body, "network_id");
				if (state.networks[networkId]?.project_id !== projectId)
					throw notFound(`Network ${networkId} could not be found.`, "NetworkNotFound");
				const cidr = required(body, "cidr");
				if (!/^(\d+\.){3}\d+\/\d+$/.test(cidr)) {
					throw badRequest(`Invalid input for cidr. Reason: '${cidr}' is not a valid IP subnet.`, "HTTPBadRequest");
				}
				const gateway = body.gateway_ip === null ? null : text(body.gateway_ip, firstHost(cidr));
				const subnet: Subnet = {
					...common(projectId, body),
					network_id: networkId,
					cidr,
					ip_version: 4,
					gateway_ip: gateway,
					enable_dhcp: body.enable_dhcp !== false,
					dns_nameservers: (body.dns_nameservers as string[] | undefined) ?? [],
					host_routes: (body.host_routes as Subnet["host_routes"] | undefined) ?? [],
					allocation_pools:
						(body.allocation_pools as Subnet["allocation_pools"] | undefined) ?? defaultPool(cidr, gateway),
					ipv6_address_mode: null,
					ipv6_ra_mode: null,
				};
				state.subnets[subnet.id] = subnet;
				return subnet;
			},
			mayDelete: (id) => {
				const used = Object.values(state.ports).some((port) => port.fixed_ips.some((ip) => ip.subnet_id === id));
				if (used)
					throw conflict(
						`Unable to complete operation on subnet ${id}: One or more ports have an IP allocation from this subnet.`,
						"SubnetInUse",
					);
			},
		}),
		resource({
			name: "port",
			plural: "ports",
			title: "Port",
			missingCode: "PortNotFound",
			table: state.ports,
			make: (projectId, body) => {
				required(body, "network_id");
				return makePort(world, projectId, body as NewPort);
			},
		}),
		resource({
			name: "router",
			plural: "routers",
			title: "Router",
			missingCode: "RouterNotFound",
			table: state.routers,
			make: (projectId, body) => {
				const router: Router = {
					...common(projectId, body),
					status: "ACTIVE",
					admin_state_up: body.admin_state_up !== false,
					external_gateway_info: (body.external_gateway_info as Router["external_gateway_info"]) ?? null,
					routes: [],
					distributed: false,
					ha: false,
				};
				state.routers[router.id] = router;
				return router;
			},
			mayDelete: (id) => {
				const used = Object.values(state.ports).some((port) => port.device_id === id);
				if (used) throw conflict(`Router ${id} still has ports`, "RouterInUse");
			},
		}),
		resource({
			name: "security_group",
			plural: "security_groups",
			title: "Security group",
			missingCode: "SecurityGroupNotFound",
			table: state.securityGroups,
			beforeList: (projectId) => void defaultGroup(world, projectId),
			show: (group) => withRules(world, group),
			make: (projectId, body) =>
				makeGroup(world, projectId, { name: required(body, "name"), description: text(body.description) }),
			mayDelete: (id) => {
				const used = Object.values(state.ports).some((port) => port.security_groups.includes(id));
				if (used) throw conflict(`Security Group ${id} in use.`, "SecurityGroupInUse");
			},
			deleted: (id) => {
				const rules = Object.values(state.securityGroupRules).filter((rule) => rule.security_group_id === id);
				for (const rule of rules) delete state.securityGroupRules[rule.id];
			},
		}),
		resource({
			name: "security_group_rule",
			plural: "security_group_rules",
			title: "Security group rule",
			missingCode: "SecurityGroupRuleNotFound",
			table: state.securityGroupRules,
			make: (projectId, body) => {
				const group = required(body, "security_group_id");
				if (state.securityGroups[group]?.project_id !== projectId)
					throw notFound(`Security group ${group} does not exist`, "SecurityGroupNotFound");
				if (body.direction !== "ingress" && body.direction !== "egress") {
					throw badRequest(
						`Invalid input for direction. Reason: '${body.direction}' is not in ['ingress', 'egress'].`,
						"HTTPBadRequest",
					);
				}
				return makeRule(world, projectId, { ...body, security_group_id: group, direction: body.direction });
			},
		}),
		resource({
			name: "floatingip",
			plural: "floatingips",
			title: "Floating IP",
			missingCode: "FloatingIPNotFound",
			table: state.floatingIps,
			make: (projectId, body) => {
				const network = required(body, "floating_network_id");
				const [address] = allocate(world, network, undefined);
				const port = typeof body.port_id === "string" ? state.ports[body.port_id] : undefined;
				const { name: _, ...owned } = common(projectId, body);
				const floating: FloatingIp & Record<string, unknown> = {
					...owned,
					floating_network_id: network,
					floating_ip_address: address?.ip_address ?? "",
					port_id: port?.id ?? null,
					fixed_ip_address: port?.fixed_ips[0]?.ip_address ?? null,
					router_id: null,
					status: port ? "ACTIVE" : "DOWN",
				};
				state.floatingIps[floating.id] = floating;
				// The address is held by a port of Neutron's own, as in a real cloud.
				const holder = { network_id: network, device_owner: "network:floatingip", device_id: floating.id };
				makePort(world, "", { ...holder, fixed_ips: address ? [address] : [], security_groups: [] });
				return floating;
			},
			deleted: (id) => {
				for (const port of Object.values(state.ports)) if (port.device_id === id) delete state.ports[port.id];
			},
		}),
	];
}
