import type { FastifyInstance, FastifyRequest } from "fastify";
import { forbidden, neutronFault, notFound } from "./fault.ts";
import { type Resource, resources } from "./network-resource.ts";
import { routerRoutes } from "./router.ts";
import { bodyOf, isYes, parameter, queryOf, shapeService, who } from "./service.ts";
import { type Caller, mustBeMember } from "./token.ts";
import type { World } from "./world.ts";

const controls = new Set(["limit", "marker", "page_reverse", "fields", "sort_key", "sort_dir"]);

/** Neutron v2.0 under `/networking`. */
export function neutron(app: FastifyInstance, world: World): void {
	shapeService(app, world, { fault: neutronFault });
	const links = [{ rel: "self", href: `${world.url}/networking/v2.0/` }];
	app.get("/", async () => ({ versions: [{ id: "v2.0", status: "CURRENT", links }] }));
	app.get("/v2.0", async () => ({ resources: [] }));
	for (const resource of resources(world)) resourceRoutes(app, world, resource);
	routerRoutes(app, world);
}

function resourceRoutes(app: FastifyInstance, world: World, resource: Resource): void {
	const { name, plural, table, show } = resource;
	const path = `/v2.0/${plural.replaceAll("_", "-")}`;

	const find = (request: FastifyRequest) => {
		const caller = who(world, request);
		const id = parameter(request, "id");
		const one = table[id];
		if (one === undefined || !mayRead(caller, one)) throw notFound(resource.missing(id), resource.missingCode);
		return { caller, one };
	};
	/** What one may see and not own (a shared network) one may still not change. */
	const owned = (request: FastifyRequest, rule: string) => {
		const { caller, one } = find(request);
		mustBeMember(caller, rule);
		if (!caller.isAdmin && one.project_id !== caller.projectId) throw forbidden(rule);
		return one;
	};

	app.get(path, async (request) => {
		const caller = who(world, request);
		const query = queryOf(request);
		resource.beforeList?.(caller.projectId);
		const found = Object.values(table)
			.filter((one) => mayRead(caller, one))
			.map(show)
			.filter((one) => matches(one, query))
			.sort((a, b) => String(a.id).localeCompare(String(b.id)));
		return pageBody(world, path, plural, found, query);
	});
	app.get(`${path}/:id`, async (request) => ({ [name]: show(find(request).one) }));
	app.post(path, async (request, reply) => {
		const caller = who(world, request);
		mustBeMember(caller, `create_${name}`);
		const body = bodyOf(request, name);
		const asked = body.project_id ?? body.tenant_id;
		const projectId = typeof asked === "string" ? asked : caller.projectId;
		if (projectId !== caller.projectId && !caller.isAdmin) throw forbidden(`create_${name}`);
		const made = resource.make(projectId, body);
		await world.save();
		return reply.code(201).send({ [name]: show(made) });
	});
	app.put(`${path}/:id`, async (request) => {
		const one = owned(request, `update_${name}`);
		const { id: _, project_id: __, tenant_id: ___, ...changes } = bodyOf(request, name);
		Object.assign(one, changes);
		await world.save();
		return { [name]: show(one) };
	});
	app.delete(`${path}/:id`, async (request, reply) => {
		const one = owned(request, `delete_${name}`);
		resource.mayDelete?.(one.id);
		delete table[one.id];
		resource.deleted?.(one.id);
		await world.save();
		return reply.code(204).send();
	});
}

function mayRead(caller: Caller, one: { project_id: string; [field: string]: unknown }): boolean {
	return (
		caller.isAdmin || one.project_id === caller.projectId || one.shared === true || one["router:external"] === true
	);
}

/** `field=value`, repeated for any of several. A field nothing has matches nothing, as in Neutron. */
function matches(one: Record<string, unknown>, query: URLSearchParams): boolean {
	for (const name of new Set(query.keys())) {
		if (controls.has(name)) continue;
		const wanted = query.getAll(name);
		const value = one[name];
		if (name === "fixed_ips") {
			const addresses = (value as Record<string, string>[] | undefined) ?? [];
			const fits = (pair: string) => addresses.some((ip) => `${ip[pair.split("=")[0] ?? ""]}` === pair.split("=")[1]);
			if (!wanted.every(fits)) return false;
		} else if (typeof value === "boolean") {
			if (!wanted.some((text) => isYes(text) === value)) return false;
		} else if (Array.isArray(value)) {
			if (!wanted.some((text) => value.includes(text))) return false;
		} else if (!wanted.includes(String(value ?? ""))) {
			return false;
		}
	}
	return true;
}

/** Neutron pages only when a limit is given, and starts over at a marker that is gone. */
function pageBody(
	world: World,
	path: string,
	plural: string,
	found: Record<string, unknown>[],
	query: URLSearchParams,
) {
	const limit = Number(query.get("limit") ?? 0);
	const at = found.findIndex((one) => one.id === query.get("marker"));
	const rest = found.slice(at + 1);
	if (limit <= 0 || rest.length <= limit) return { [plural]: rest };
	const page = rest.slice(0, limit);
	const next = new URLSearchParams(query);
	next.set("marker", String(page.at(-1)?.id));
	const href = `${world.url}/networking${path}?${next}`;
	return { [plural]: page, [`${plural}_links`]: [{ rel: "next", href }] };
}
