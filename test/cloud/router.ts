import type { FastifyInstance } from "fastify";
import { badRequest, conflict, notFound } from "./fault.ts";
import { makePort } from "./port.ts";
import { parameter, who } from "./service.ts";
import { mustBeMember } from "./token.ts";
import type { World } from "./world.ts";

/** Plugging subnets into routers. A router's leg is a port that has the subnet's gateway address. */
export function routerRoutes(app: FastifyInstance, world: World): void {
	const { routers, subnets, ports } = world.state;

	app.put("/v2.0/routers/:id/add_router_interface", async (request) => {
		const caller = who(world, request);
		mustBeMember(caller, "add_router_interface");
		const router = routers[parameter(request, "id")];
		if (router === undefined || (!caller.isAdmin && router.project_id !== caller.projectId)) {
			throw notFound(`Router ${parameter(request, "id")} could not be found.`, "RouterNotFound");
		}
		const { subnet_id } = (request.body ?? {}) as { subnet_id?: string };
		const subnet = subnets[subnet_id ?? ""];
		if (subnet?.project_id !== router.project_id)
			throw notFound(`Subnet ${subnet_id} could not be found.`, "SubnetNotFound");
		const leg = plug(world, router.id, subnet.id);
		await world.save();
		return {
			id: router.id,
			tenant_id: router.project_id,
			port_id: leg.id,
			network_id: subnet.network_id,
			subnet_id,
			subnet_ids: [subnet_id],
		};
	});

	app.put("/v2.0/routers/:id/remove_router_interface", async (request) => {
		mustBeMember(who(world, request), "remove_router_interface");
		const id = parameter(request, "id");
		const { subnet_id } = (request.body ?? {}) as { subnet_id?: string };
		const leg = Object.values(ports).find(
			(port) => port.device_id === id && port.fixed_ips.some((ip) => ip.subnet_id === subnet_id),
		);
		if (leg === undefined) {
			throw notFound(`Router ${id} has no interface on subnet ${subnet_id}`, "RouterInterfaceNotFoundForSubnet");
		}
		delete ports[leg.id];
		await world.save();
		return { id, port_id: leg.id, subnet_id, subnet_ids: [subnet_id] };
	});
}

export function plug(world: World, routerId: string, subnetId: string) {
	const { routers, subnets, ports } = world.state;
	const [router, subnet] = [routers[routerId], subnets[subnetId]];
	if (router === undefined || subnet === undefined || subnet.gateway_ip === null) {
		throw badRequest(`Bad router request: Subnet for router interface must have a gateway IP.`, "BadRequest");
	}
	const has = Object.values(ports).some(
		(port) =>
			port.device_owner === "network:router_interface" && port.fixed_ips.some((ip) => ip.subnet_id === subnetId),
	);
	if (has) throw conflict(`Router already has a port on subnet ${subnetId}`, "RouterInterfaceInUse");
	const leg = makePort(world, router.project_id, {
		network_id: subnet.network_id,
		device_id: router.id,
		device_owner: "network:router_interface",
		fixed_ips: [],
		security_groups: [],
	});
	leg.fixed_ips = [{ subnet_id: subnetId, ip_address: subnet.gateway_ip }];
	return leg;
}
