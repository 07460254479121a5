import type { Port } from "#openstack/neutron.ts";
import type { NewServer } from "#openstack/nova.ts";
import { badRequest, conflict } from "./fault.ts";
import { makePort } from "./port.ts";
import { defaultGroup } from "./security-group.ts";
import type { StoredServer } from "./state.ts";
import type { World } from "./world.ts";

/** Gives a new server the ports it asks for. Throws Nova's 400 and 409; `unplug` takes back what was plugged until then. */
export function plugPorts(world: World, server: StoredServer, fields: NewServer): void {
	const { networks, ports } = world.state;
	const visible = Object.values(networks).filter(
		(one) => one.project_id === server.project_id && !one["router:external"],
	);
	if (fields.networks === "none") return;
	let wanted = fields.networks;
	if (wanted === undefined || wanted === "auto") {
		if (visible.length > 1) throw conflict("Multiple possible networks found, use a Network ID to be more specific.");
		wanted = visible.map((one) => ({ uuid: one.id }));
	}
	const groups = fields.security_groups?.map(({ name }) => groupNamed(world, server.project_id, name));
	for (const { uuid, port: portId, fixed_ip } of wanted) {
		if (portId !== undefined) {
			const port = ports[portId];
			if (port?.project_id !== server.project_id) throw badRequest(`Port ${portId} could not be found.`);
			if (port.device_id !== "") throw conflict(`Port ${portId} is still in use.`);
			bind(port, server);
			continue;
		}
		const network = uuid === undefined ? undefined : networks[uuid];
		if (network === undefined || (network.project_id !== server.project_id && !network.shared)) {
			throw badRequest(`Network ${uuid} could not be found.`);
		}
		const port = makePort(world, server.project_id, {
			network_id: network.id,
			...(fixed_ip !== undefined && { fixed_ips: [{ ip_address: fixed_ip }] }),
			security_groups: groups ?? [defaultGroup(world, server.project_id).id],
		});
		bind(port, server);
		server.own_ports.push(port.id);
	}
}

function bind(port: Port, server: StoredServer): void {
	port.device_id = server.id;
	port.device_owner = `compute:${server.availability_zone}`;
	port.status = "ACTIVE";
	port["binding:host_id"] = server.host;
}

function groupNamed(world: World, projectId: string, name: string): string {
	if (name === "default") return defaultGroup(world, projectId).id;
	const groups = Object.values(world.state.securityGroups).filter((group) => group.project_id === projectId);
	const group = groups.find((one) => one.name === name || one.id === name);
	if (group === undefined) throw badRequest(`Security group ${name} not found for project ${projectId}.`);
	return group.id;
}

/** Deletes the ports that Nova made for a server and frees the ones it was given. Safe to do again. */
export function unplug(world: World, server: StoredServer): void {
	const { ports } = world.state;
	for (const port of Object.values(ports)) {
		if (port.device_id !== server.id) continue;
		if (server.own_ports.includes(port.id)) delete ports[port.id];
		else Object.assign(port, { device_id: "", device_owner: "", status: "DOWN" });
	}
}
