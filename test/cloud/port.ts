import { randomBytes } from "node:crypto";
import type { Network, NewPort, Port } from "#openstack/neutron.ts";
import { allocate } from "./address.ts";
import { badRequest, conflict, notFound } from "./fault.ts";
import { defaultGroup } from "./security-group.ts";
import { second, type World } from "./world.ts";

/** Makes a port in a project. Throws what Neutron answers: 404 for a network, 400 and 409 for addresses. */
export function makePort(world: World, projectId: string, fields: NewPort): Port {
	const network = world.state.networks[fields.network_id];
	if (network === undefined || !mayPlug(projectId, network)) {
		throw notFound(`Network ${fields.network_id} could not be found.`, "NetworkNotFound");
	}
	for (const group of fields.security_groups ?? []) {
		if (world.state.securityGroups[group]?.project_id !== projectId) {
			throw notFound(`Security group ${group} does not exist`, "SecurityGroupNotFound");
		}
	}
	const mac = fields.mac_address ?? newMac(world);
	if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(mac)) {
		throw badRequest(`Invalid input for mac_address. Reason: '${mac}' is not a valid MAC address.`, "HTTPBadRequest");
	}
	if (Object.values(world.state.ports).some((port) => port.network_id === network.id && port.mac_address === mac)) {
		throw conflict(
			`Unable to complete operation for network ${network.id}. The mac address ${mac} is in use.`,
			"MacAddressInUse",
		);
	}
	const now = second(world.now());
	const port: Port & { created_at: string; updated_at: string } = {
		id: world.newId(),
		name: fields.name ?? "",
		description: "",
		project_id: projectId,
		tenant_id: projectId,
		network_id: network.id,
		status: fields.device_id ? "ACTIVE" : "DOWN",
		admin_state_up: fields.admin_state_up ?? true,
		mac_address: mac,
		fixed_ips: allocate(world, network.id, fields.fixed_ips),
		device_id: fields.device_id ?? "",
		device_owner: fields.device_owner ?? "",
		security_groups: fields.security_groups ?? [defaultGroup(world, projectId).id],
		port_security_enabled: true,
		allowed_address_pairs: [],
		"binding:vnic_type": "normal",
		created_at: now,
		updated_at: now,
	};
	world.state.ports[port.id] = port;
	return port;
}

function mayPlug(projectId: string, network: Network): boolean {
	return network.project_id === projectId || network.shared || network["router:external"];
}

/** Neutron's default base address; the last three octets are free. */
function newMac(world: World): string {
	const used = new Set(Object.values(world.state.ports).map((port) => port.mac_address));
	while (true) {
		const mac = ["fa", "16", "3e", ...[...randomBytes(3)].map((octet) => octet.toString(16).padStart(2, "0"))].join(
			":",
		);
		if (!used.has(mac)) return mac;
	}
}
