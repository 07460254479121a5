import { createHash } from "node:crypto";
import type { Address } from "#openstack/nova.ts";
import { attachmentsOf } from "./attachment.ts";
import { vmState } from "./server.ts";
import type { StoredFlavor, StoredServer } from "./state.ts";
import type { Caller } from "./token.ts";
import type { World } from "./world.ts";

/** A server as Nova shows it to this caller in this minor version. */
export function serverView(world: World, caller: Caller, server: StoredServer, minor: number): Record<string, unknown> {
	const { flavor } = server;
	const attachments = attachmentsOf(world, server.id).filter((one) => one.status === "attached");
	return {
		...serverSummary(world, server),
		status: server.status,
		tenant_id: server.project_id,
		user_id: server.user_id,
		metadata: server.metadata,
		hostId: createHash("sha224").update(`${server.project_id}${server.host}`).digest("hex"),
		image:
			server.image_id === undefined ? "" : { id: server.image_id, links: bookmark(world, "images", server.image_id) },
		flavor: minor >= 47 ? embeddedFlavor(flavor) : { id: flavor.id, links: bookmark(world, "flavors", flavor.id) },
		created: server.created,
		updated: server.updated,
		addresses: addressesOf(world, server),
		accessIPv4: "",
		accessIPv6: "",
		"OS-DCF:diskConfig": "MANUAL",
		...(server.status === "ACTIVE" && { progress: 0 }),
		"OS-EXT-AZ:availability_zone": server.availability_zone,
		config_drive: server.config_drive ? "True" : "",
		key_name: server.key_name,
		"OS-SRV-USG:launched_at": server.launched?.replace("Z", ".000000") ?? null,
		"OS-SRV-USG:terminated_at": null,
		...(server.status !== "BUILD" && { security_groups: groupNames(world, server) }),
		"OS-EXT-STS:task_state": server.task_state,
		"OS-EXT-STS:vm_state": vmState(server),
		"OS-EXT-STS:power_state": { BUILD: 0, ACTIVE: 1, SHUTOFF: 4, ERROR: 0, DELETED: 0 }[server.status],
		"os-extended-volumes:volumes_attached": attachments.map((one) => ({
			id: one.volume_id,
			...(minor >= 3 && { delete_on_termination: server.own_volumes.includes(one.volume_id) }),
		})),
		...(server.fault && { fault: server.fault }),
		...(minor >= 9 && { locked: false }),
		...(minor >= 19 && { description: server.description }),
		...(minor >= 26 && { tags: [] }),
		...(minor >= 63 && { trusted_image_certificates: null }),
		...(minor >= 71 && { server_groups: server.server_group === undefined ? [] : [server.server_group] }),
		...(minor >= 73 && { locked_reason: null }),
		...(caller.isAdmin && adminView(server, minor)),
	};
}

export function serverSummary(world: World, server: StoredServer): { id: string; name: string; links: unknown } {
	const self = { rel: "self", href: `${world.url}/compute/v2.1/servers/${server.id}` };
	return { id: server.id, name: server.name, links: [self, ...bookmark(world, "servers", server.id)] };
}

function adminView(server: StoredServer, minor: number): Record<string, unknown> {
	const name = `instance-${server.number.toString(16).padStart(8, "0")}`;
	return {
		"OS-EXT-SRV-ATTR:host": server.host,
		"OS-EXT-SRV-ATTR:hypervisor_hostname": server.host,
		"OS-EXT-SRV-ATTR:instance_name": name,
		...(minor >= 3 && {
			"OS-EXT-SRV-ATTR:hostname": server.name.toLowerCase().replace(/[^a-z0-9-]/g, "-"),
			"OS-EXT-SRV-ATTR:reservation_id": `r-${server.id.slice(0, 8)}`,
			"OS-EXT-SRV-ATTR:launch_index": 0,
			"OS-EXT-SRV-ATTR:kernel_id": "",
			"OS-EXT-SRV-ATTR:ramdisk_id": "",
			"OS-EXT-SRV-ATTR:root_device_name": "/dev/vda",
			"OS-EXT-SRV-ATTR:user_data": server.user_data,
		}),
		...(minor >= 16 && { host_status: "UP" }),
	};
}

function embeddedFlavor(flavor: StoredFlavor): unknown {
	const { name, vcpus, ram, disk, ephemeral, swap, extra_specs } = flavor;
	return { original_name: name, vcpus, ram, disk, ephemeral, swap, extra_specs };
}

/** Fixed and floating addresses by network name. */
function addressesOf(world: World, server: StoredServer): Record<string, Address[]> {
	const { ports, networks, floatingIps } = world.state;
	const addresses: Record<string, Address[]> = {};
	for (const port of Object.values(ports)) {
		if (port.device_id !== server.id) continue;
		const name = networks[port.network_id]?.name ?? "";
		const add = (addr: string, type: "fixed" | "floating") => {
			addresses[name] ??= [];
			addresses[name].push({ addr, version: 4, "OS-EXT-IPS:type": type, "OS-EXT-IPS-MAC:mac_addr": port.mac_address });
		};
		for (const ip of port.fixed_ips) add(ip.ip_address, "fixed");
		for (const floating of Object.values(floatingIps)) {
			if (floating.port_id === port.id) add(floating.floating_ip_address, "floating");
		}
	}
	return addresses;
}

/** Nova lists a group once for every port that has it. */
function groupNames(world: World, server: StoredServer): { name: string }[] {
	const { ports, securityGroups } = world.state;
	return Object.values(ports)
		.filter((port) => port.device_id === server.id)
		.flatMap((port) => port.security_groups.map((id) => ({ name: securityGroups[id]?.name ?? id })));
}

function bookmark(world: World, kind: string, id: string): { rel: string; href: string }[] {
	return [{ rel: "bookmark", href: `${world.url}/compute/${kind}/${id}` }];
}
