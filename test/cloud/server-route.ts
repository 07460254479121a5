import type { FastifyInstance, FastifyRequest } from "fastify";
import type { NewServer } from "#openstack/nova.ts";
import { badRequest, forbidden, notFound } from "./fault.ts";
import type { NovaCalled } from "./nova.ts";
import { nextLinks, pageOf } from "./page.ts";
import { buildServer, changePower, deleteServer, startServer } from "./server.ts";
import { serverSummary, serverView } from "./server-view.ts";
import { bodyOf, isYes, parameter, queryOf } from "./service.ts";
import type { StoredServer } from "./state.ts";
import { type Caller, mustBeMember } from "./token.ts";
import { run, type World } from "./world.ts";

/** Nova's `max_limit`. */
const largestPage = 1_000;

/** Throws Nova's 404 for a server that is not there or not the caller's. */
export function findServer(world: World, caller: Caller, request: FastifyRequest): StoredServer {
	const id = parameter(request, "id");
	const server = world.state.servers[id];
	if (server !== undefined && (caller.isAdmin || server.project_id === caller.projectId)) return server;
	throw notFound(`Instance ${id} could not be found.`);
}

export function serverRoutes(app: FastifyInstance, world: World, called: NovaCalled): void {
	const { servers } = world.state;

	const select = (caller: Caller, query: URLSearchParams, rule: string): StoredServer[] => {
		const everyone = isYes(query.get("all_tenants"));
		if (everyone && !caller.isAdmin) throw forbidden(`os_compute_api:servers:${rule}:get_all_tenants`);
		const [name, status, host] = [query.get("name"), query.get("status"), query.get("host")];
		const project = query.get("project_id") ?? query.get("tenant_id");
		return Object.values(servers)
			.filter((one) =>
				everyone ? project === null || one.project_id === project : one.project_id === caller.projectId,
			)
			.filter((one) => name === null || new RegExp(name).test(one.name))
			.filter((one) => status === null || one.status === status.toUpperCase())
			.filter((one) => host === null || !caller.isAdmin || one.host === host)
			.sort((a, b) => b.created.localeCompare(a.created) || b.number - a.number);
	};

	app.get("/v2.1/servers", async (request) => {
		const { caller } = called(request);
		const query = queryOf(request);
		const { items, next } = pageOf(select(caller, query, "index"), query, largestPage);
		const links = nextLinks("servers", `${world.url}/compute/v2.1/servers`, next);
		return { servers: items.map((server) => serverSummary(world, server)), ...links };
	});
	app.get("/v2.1/servers/detail", async (request) => {
		const { caller, minor } = called(request);
		const query = queryOf(request);
		const { items, next } = pageOf(select(caller, query, "detail"), query, largestPage);
		const links = nextLinks("servers", `${world.url}/compute/v2.1/servers/detail`, next);
		return { servers: items.map((server) => serverView(world, caller, server, minor)), ...links };
	});
	app.get("/v2.1/servers/:id", async (request) => {
		const { caller, minor } = called(request);
		return { server: serverView(world, caller, findServer(world, caller, request), minor) };
	});

	app.post("/v2.1/servers", async (request, reply) => {
		const { caller, minor } = called(request);
		mustBeMember(caller, "os_compute_api:servers:create");
		const fields = bodyOf(request, "server") as NewServer;
		if (typeof fields.name !== "string" || fields.name === "") {
			throw badRequest("Invalid input for field/attribute server. 'name' is a required property");
		}
		if (minor >= 37 && fields.networks === undefined) {
			throw badRequest("Invalid input for field/attribute server. 'networks' is a required property");
		}
		const hints = (request.body as Record<string, { group?: string } | undefined>)["os:scheduler_hints"];
		const server = startServer(world, caller, fields, hints);
		await world.save();
		run(world, buildServer(world, server));
		const { id, links } = serverSummary(world, server);
		const groups = fields.security_groups ?? [{ name: "default" }];
		const made = {
			id,
			links,
			security_groups: groups,
			"OS-DCF:diskConfig": "MANUAL",
			adminPass: world.newId().slice(0, 12),
		};
		return reply.code(202).header("location", `${world.url}/compute/v2.1/servers/${id}`).send({ server: made });
	});
	app.delete("/v2.1/servers/:id", async (request, reply) => {
		const { caller } = called(request);
		const server = findServer(world, caller, request);
		mustBeMember(caller, "os_compute_api:servers:delete");
		server.task_state = "deleting";
		await world.save();
		run(world, deleteServer(world, server));
		return reply.code(204).send();
	});
	app.post("/v2.1/servers/:id/action", async (request, reply) => {
		const { caller } = called(request);
		const server = findServer(world, caller, request);
		const [action] = Object.keys((request.body as object | null) ?? {});
		if (action !== "os-stop" && action !== "os-start") throw badRequest(`There is no such action: ${action}`);
		mustBeMember(caller, `os_compute_api:servers:${action.slice(3)}`);
		changePower(world, server, action === "os-stop" ? "stop" : "start");
		await world.save();
		return reply.code(202).send();
	});
}
