import type { FastifyInstance } from "fastify";
import { badRequest, conflict, notFound } from "./fault.ts";
import type { NovaCalled } from "./nova.ts";
import { nextLinks, pageOf } from "./page.ts";
import { bodyOf, parameter, queryOf } from "./service.ts";
import type { StoredFlavor } from "./state.ts";
import { mustBeAdmin } from "./token.ts";
import type { World } from "./world.ts";

const largestPage = 1_000;

export function flavorRoutes(app: FastifyInstance, world: World, called: NovaCalled): void {
	const { flavors } = world.state;
	const view = (flavor: StoredFlavor, minor: number) => ({
		...summary(flavor),
		vcpus: flavor.vcpus,
		ram: flavor.ram,
		disk: flavor.disk,
		"OS-FLV-EXT-DATA:ephemeral": flavor.ephemeral,
		swap: flavor.swap === 0 && minor < 75 ? "" : flavor.swap,
		rxtx_factor: 1.0,
		"OS-FLV-DISABLED:disabled": false,
		"os-flavor-access:is_public": flavor.is_public,
		...(minor >= 55 && { description: null }),
		...(minor >= 61 && { extra_specs: flavor.extra_specs }),
	});
	const summary = ({ id, name }: StoredFlavor) => {
		const links = [{ rel: "self", href: `${world.url}/compute/v2.1/flavors/${id}` }];
		return { id, name, links };
	};
	const sorted = () => Object.values(flavors).sort((a, b) => a.id.localeCompare(b.id));

	app.get("/v2.1/flavors", async (request) => {
		called(request);
		const { items, next } = pageOf(sorted(), queryOf(request), largestPage);
		return { flavors: items.map(summary), ...nextLinks("flavors", `${world.url}/compute/v2.1/flavors`, next) };
	});
	app.get("/v2.1/flavors/detail", async (request) => {
		const { minor } = called(request);
		const { items, next } = pageOf(sorted(), queryOf(request), largestPage);
		const links = nextLinks("flavors", `${world.url}/compute/v2.1/flavors/detail`, next);
		return { flavors: items.map((flavor) => view(flavor, minor)), ...links };
	});
	app.get("/v2.1/flavors/:id", async (request) => {
		const { minor } = called(request);
		const flavor = flavors[parameter(request, "id")];
		if (flavor === undefined) throw notFound(`Flavor ${parameter(request, "id")} could not be found.`);
		return { flavor: view(flavor, minor) };
	});
	app.post("/v2.1/flavors", async (request) => {
		const { caller, minor } = called(request);
		mustBeAdmin(caller, "os_compute_api:os-flavor-manage:create");
		const flavor = addFlavor(world, bodyOf(request, "flavor"));
		await world.save();
		return { flavor: view(flavor, minor) };
	});
	app.delete("/v2.1/flavors/:id", async (request, reply) => {
		const { caller } = called(request);
		mustBeAdmin(caller, "os_compute_api:os-flavor-manage:delete");
		const id = parameter(request, "id");
		if (flavors[id] === undefined) throw notFound(`Flavor ${id} could not be found.`);
		delete flavors[id];
		await world.save();
		return reply.code(202).send();
	});
}

/** Throws Nova's 400 for numbers that are none and 409 for a name or id that is taken. */
export function addFlavor(world: World, body: Record<string, unknown>): StoredFlavor {
	const { flavors } = world.state;
	const whole = (field: string, otherwise?: number): number => {
		const value = body[field] ?? otherwise;
		if (Number.isInteger(Number(value)) && Number(value) >= 0) return Number(value);
		throw badRequest(`Invalid input for field/attribute ${field}. Value: ${value}.`);
	};
	const name = String(body.name ?? "");
	const id = typeof body.id === "string" && body.id !== "auto" ? body.id : world.newId();
	if (name === "") throw badRequest("Invalid input for field/attribute flavor. 'name' is a required property");
	if (flavors[id]) throw conflict(`Flavor with ID ${id} already exists.`);
	if (Object.values(flavors).some((one) => one.name === name))
		throw conflict(`Flavor with name ${name} already exists.`);
	const flavor: StoredFlavor = {
		id,
		name,
		vcpus: whole("vcpus"),
		ram: whole("ram"),
		disk: whole("disk"),
		ephemeral: whole("OS-FLV-EXT-DATA:ephemeral", 0),
		swap: whole("swap", 0),
		is_public: body["os-flavor-access:is_public"] !== false,
		extra_specs: {},
	};
	flavors[id] = flavor;
	return flavor;
}
