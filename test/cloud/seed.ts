import type { EndpointInterface } from "#openstack/catalog.ts";
import { addFlavor } from "./flavor.ts";
import { resources } from "./network-resource.ts";
import { plug } from "./router.ts";
import { makeGroup, makeRule } from "./security-group.ts";
import type { World } from "./world.ts";

const region = "RegionOne";

/** Service type → name and path, with the templates that real catalogs have. */
const builtIn: Record<string, { name: string; path: string }> = {
	identity: { name: "keystone", path: "/identity" },
	compute: { name: "nova", path: "/compute/v2.1" },
	"block-storage": { name: "cinder", path: "/volume/v3/$(project_id)s" },
	image: { name: "glance", path: "/image" },
	network: { name: "neutron", path: "/networking" },
};

const roleNames = ["reader", "member", "admin", "service"];
const projectNames = ["admin", "service", "demo", "other"];

/** User → password, and role by project. */
const userGrants: Record<string, { password: string; roles: Record<string, string> }> = {
	admin: { password: "admin-secret", roles: { admin: "admin", service: "admin", demo: "admin", other: "admin" } },
	holdfast: { password: "holdfast-secret", roles: { service: "admin", demo: "admin", other: "admin" } },
	demo: { password: "demo-secret", roles: { demo: "member" } },
	reader: { password: "reader-secret", roles: { demo: "reader" } },
	other: { password: "other-secret", roles: { other: "member" } },
	agent: { password: "agent-secret", roles: { service: "service" } },
};

const flavors = [
	{ id: "1", name: "m1.nano", vcpus: 1, ram: 128, disk: 1 },
	{ id: "2", name: "m1.tiny", vcpus: 1, ram: 512, disk: 2 },
	{ id: "3", name: "m1.small", vcpus: 1, ram: 2048, disk: 5 },
	{ id: "4", name: "m1.medium", vcpus: 2, ram: 4096, disk: 20 },
];

/** Fills a new cloud with what a fresh installation and one small tenant have. */
export function seed(world: World): void {
	const { state } = world;
	const newId = () => world.newId().replaceAll("-", "");
	state.domains.default = { id: "default", name: "Default", enabled: true, description: "The default domain" };
	for (const name of roleNames) {
		const id = newId();
		state.roles[id] = { id, name, domain_id: null };
	}
	for (const name of projectNames) seedProject(world, name);
	for (const [name, { password, roles }] of Object.entries(userGrants)) seedUser(world, { name, password, roles });
	for (const flavor of flavors) addFlavor(world, flavor);
	for (const [name, format] of [
		["__DEFAULT__", "raw"],
		["nfs-qcow2", "qcow2"],
	] as const) {
		const id = world.newId();
		state.volumeTypes[id] = { id, name, is_public: true, extra_specs: { "volume:format": format } };
	}
	seedNetwork(world);
}

/** Lists the cloud's own services where it listens now; what others have registered stays as it is. */
export function registerBuiltIn(world: World): void {
	const { services, endpoints } = world.state;
	for (const [type, { name, path }] of Object.entries(builtIn)) {
		let service = Object.values(services).find((one) => one.type === type && one.name === name);
		if (service === undefined) {
			service = { id: world.newId().replaceAll("-", ""), type, name, description: "", enabled: true };
			services[service.id] = service;
		}
		for (const offered of ["public", "internal", "admin"] as EndpointInterface[]) {
			const own = Object.values(endpoints).find((one) => one.service_id === service.id && one.interface === offered);
			if (own !== undefined) {
				own.url = `${world.url}${path}`;
				continue;
			}
			const id = world.newId().replaceAll("-", "");
			const address = { url: `${world.url}${path}`, region_id: region, enabled: true };
			endpoints[id] = { id, service_id: service.id, interface: offered, ...address };
		}
	}
}

export function seedProject(world: World, name: string): string {
	const id = world.newId().replaceAll("-", "");
	world.state.projects[id] = { id, name, domain_id: "default", enabled: true, description: "" };
	return id;
}

/** `roles` is role name by project name. */
export function seedUser(
	world: World,
	user: { name: string; password: string; roles: Record<string, string> },
): string {
	const { users, assignments } = world.state;
	const id = world.newId().replaceAll("-", "");
	users[id] = { id, name: user.name, domain_id: "default", enabled: true, password: user.password };
	for (const [project, role] of Object.entries(user.roles)) {
		assignments.push({ user: id, project: projectNamed(world, project), role: named(world.state.roles, role).id });
	}
	return id;
}

export const projectNamed = (world: World, name: string): string => named(world.state.projects, name).id;

export function named<T extends { name: string | null }>(table: Record<string, T>, name: string): T {
	const found = Object.values(table).find((one) => one.name === name);
	if (found === undefined) throw new Error(`The demo cloud has nothing named ${name}.`);
	return found;
}

/** A tenant network behind a router, an outside network, and a security group that lets ssh and ping in. */
function seedNetwork(world: World): void {
	const [demo, admin] = [projectNamed(world, "demo"), projectNamed(world, "admin")];
	const make = (name: string, projectId: string, body: Record<string, unknown>): string => {
		const resource = resources(world).find((one) => one.name === name);
		if (resource === undefined) throw new Error(`Neutron has no ${name}.`);
		return resource.make(projectId, body).id;
	};
	const outside = make("network", admin, { name: "public", "router:external": true });
	make("subnet", admin, { name: "public-subnet", network_id: outside, cidr: "203.0.113.0/24", enable_dhcp: false });
	const inside = make("network", demo, { name: "demo-net" });
	const subnet = make("subnet", demo, {
		name: "demo-subnet",
		network_id: inside,
		cidr: "10.20.0.0/24",
		dns_nameservers: ["9.9.9.9"],
	});
	const gateway = { network_id: outside, enable_snat: true, external_fixed_ips: [] };
	plug(world, make("router", demo, { name: "demo-router", external_gateway_info: gateway }), subnet);
	const group = makeGroup(world, demo, { name: "demo-ssh", description: "ssh and ping from anywhere" });
	const open = { security_group_id: group.id, direction: "ingress", remote_ip_prefix: "0.0.0.0/0" } as const;
	makeRule(world, demo, { ...open, protocol: "tcp", port_range_min: 22, port_range_max: 22 });
	makeRule(world, demo, { ...open, protocol: "icmp" });
}
