import type { FastifyInstance } from "fastify";
import { attachmentsOf, connect, release, reserve } from "./attachment.ts";
import { badRequest, conflict, notFound } from "./fault.ts";
import type { NovaCalled } from "./nova.ts";
import { vmState } from "./server.ts";
import { findServer } from "./server-route.ts";
import { bodyOf, parameter } from "./service.ts";
import type { StoredAttachment, StoredServer } from "./state.ts";
import { mustBeMember } from "./token.ts";
import { run, type World } from "./world.ts";

/** What is plugged into a server: volumes, network interfaces, security groups. */
export function serverDeviceRoutes(app: FastifyInstance, world: World, called: NovaCalled): void {
	const path = "/v2.1/servers/:id";

	const view = (server: StoredServer, one: StoredAttachment, minor: number) => ({
		id: one.volume_id,
		volumeId: one.volume_id,
		serverId: server.id,
		device: one.mountpoint,
		...(minor >= 70 && { tag: null }),
		...(minor >= 79 && { delete_on_termination: server.own_volumes.includes(one.volume_id) }),
	});

	app.get(`${path}/os-volume_attachments`, async (request) => {
		const { caller, minor } = called(request);
		const server = findServer(world, caller, request);
		return { volumeAttachments: attachmentsOf(world, server.id).map((one) => view(server, one, minor)) };
	});
	app.post(`${path}/os-volume_attachments`, async (request) => {
		const { caller, minor } = called(request);
		const server = findServer(world, caller, request);
		mustBeMember(caller, "os_compute_api:os-volumes-attachments:create");
		const body = bodyOf(request, "volumeAttachment");
		if (typeof body.volumeId !== "string") {
			throw badRequest("Invalid input for field/attribute volumeAttachment. 'volumeId' is a required property");
		}
		if (server.status !== "ACTIVE" && server.status !== "SHUTOFF") {
			throw conflict(`Cannot 'attach_volume' instance ${server.id} while it is in vm_state ${vmState(server)}`);
		}
		const attachment = reserve(world, server, body.volumeId, body.device as string | null | undefined);
		if (body.delete_on_termination === true) server.own_volumes.push(body.volumeId);
		await world.save();
		run(world, connect(world, attachment));
		return { volumeAttachment: view(server, attachment, minor) };
	});
	app.delete(`${path}/os-volume_attachments/:volume`, async (request, reply) => {
		const { caller } = called(request);
		const server = findServer(world, caller, request);
		mustBeMember(caller, "os_compute_api:os-volumes-attachments:delete");
		const volumeId = parameter(request, "volume");
		const attachment = attachmentsOf(world, server.id).find((one) => one.volume_id === volumeId);
		if (attachment === undefined) {
			throw notFound(`Instance ${server.id} is not attached to volume ${volumeId}`);
		}
		release(world, attachment);
		await world.save();
		return reply.code(202).send();
	});

	app.get(`${path}/os-interface`, async (request) => {
		const { caller } = called(request);
		const server = findServer(world, caller, request);
		const ports = Object.values(world.state.ports).filter((port) => port.device_id === server.id);
		return {
			interfaceAttachments: ports.map((port) => ({
				port_id: port.id,
				net_id: port.network_id,
				mac_addr: port.mac_address,
				port_state: port.status,
				fixed_ips: port.fixed_ips,
			})),
		};
	});
	app.get(`${path}/os-security-groups`, async (request) => {
		const { caller } = called(request);
		const server = findServer(world, caller, request);
		const { ports, securityGroups, securityGroupRules } = world.state;
		const ids = new Set(
			Object.values(ports)
				.filter((port) => port.device_id === server.id)
				.flatMap((port) => port.security_groups),
		);
		const groups = [...ids].map((id) => securityGroups[id]).filter((group) => group !== undefined);
		return {
			security_groups: groups.map(({ id, name, description, project_id }) => ({
				id,
				name,
				description,
				tenant_id: project_id,
				rules: Object.values(securityGroupRules)
					.filter((rule) => rule.security_group_id === id && rule.direction === "ingress")
					.map((rule) => ({
						id: rule.id,
						parent_group_id: id,
						from_port: rule.port_range_min,
						to_port: rule.port_range_max,
						ip_protocol: rule.protocol,
						ip_range: {},
						group: {},
					})),
			})),
		};
	});
}
