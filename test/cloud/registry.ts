import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Endpoint } from "#openstack/keystone.ts";
import { Fault } from "./fault.ts";
import { adminOnly, keystoneCaller } from "./keystone.ts";
import { bodyOf, parameter, queryOf } from "./service.ts";
import type { World } from "./world.ts";

type Entity = { id: string; [field: string]: unknown };

/** Keystone's lists of things: projects, users, roles, who has which, and the service catalog's entries. */
export function registryRoutes(app: FastifyInstance, world: World): void {
	const { state } = world;
	const newId = () => world.newId().replaceAll("-", "");
	const admin = (request: FastifyRequest, rule: string) => {
		if (!keystoneCaller(world, request).isAdmin) throw adminOnly(rule);
	};

	/** The five routes every kind has. `make` fills in a new one from its body, `show` hides secrets. */
	const kind = <T extends Entity>(
		name: string,
		table: Record<string, T>,
		make: (body: Record<string, unknown>) => Omit<T, "id">,
		options: { show?: (one: T) => unknown; mayRead?: (request: FastifyRequest, one: T) => boolean } = {},
	): void => {
		const show = options.show ?? ((one: T) => one);
		const path = `/v3/${name}s`;
		const links = (one: T) => ({ links: { self: `${world.url}/identity${path}/${one.id}` } });
		const find = (request: FastifyRequest): T => {
			const id = parameter(request, "id");
			const one = table[id];
			if (one === undefined) throw new Fault(404, `Could not find ${name}: ${id}.`);
			return one;
		};
		const answer = (one: T) => ({ [name]: { ...(show(one) as object), ...links(one) } });
		app.get(path, async (request) => {
			admin(request, `list_${name}s`);
			const query = queryOf(request);
			const fits = (one: T) => [...query].every(([field, value]) => !(field in one) || String(one[field]) === value);
			const found = Object.values(table).filter(fits);
			const listed = found.map((one) => ({ ...(show(one) as object), ...links(one) }));
			return { [`${name}s`]: listed, links: { self: `${world.url}/identity${path}`, previous: null, next: null } };
		});
		app.get(`${path}/:id`, async (request) => {
			const own = table[parameter(request, "id")];
			const caller = keystoneCaller(world, request);
			if (!caller.isAdmin && !(own && options.mayRead?.(request, own))) throw adminOnly(`get_${name}`);
			return answer(find(request));
		});
		app.post(path, async (request, reply) => {
			admin(request, `create_${name}`);
			const one = { ...make(bodyOf(request, name)), id: newId() } as T;
			table[one.id] = one;
			await world.save();
			return reply.code(201).send(answer(one));
		});
		app.patch(`${path}/:id`, async (request) => {
			admin(request, `update_${name}`);
			const one = find(request);
			const { id: _, ...changes } = bodyOf(request, name);
			Object.assign(one, changes);
			await world.save();
			return answer(one);
		});
		app.delete(`${path}/:id`, async (request, reply) => {
			admin(request, `delete_${name}`);
			delete table[find(request).id];
			await world.save();
			return reply.code(204).send();
		});
	};

	const text = (body: Record<string, unknown>, field: string): string => {
		const value = body[field];
		if (typeof value === "string" && value !== "") return value;
		throw new Fault(400, `Invalid input for field '${field}': '${field}' is a required property`);
	};
	const unique = (
		table: Record<string, { name: string; domain_id: string | null }>,
		name: string,
		domain: string | null,
	) => {
		const taken = Object.values(table).some((one) => one.name === name && one.domain_id === domain);
		if (taken)
			throw new Fault(409, `Conflict occurred attempting to store: it is not permitted to have two named ${name}.`);
	};
	const domainOf = (body: Record<string, unknown>) => (typeof body.domain_id === "string" ? body.domain_id : "default");

	kind("domain", state.domains, (body) => ({ name: text(body, "name"), enabled: true, description: "" }));
	kind(
		"project",
		state.projects,
		(body) => {
			unique(state.projects, text(body, "name"), domainOf(body));
			const description = String(body.description ?? "");
			return { name: text(body, "name"), domain_id: domainOf(body), enabled: body.enabled !== false, description };
		},
		{ mayRead: (request, project) => keystoneCaller(world, request).projectId === project.id },
	);
	kind(
		"user",
		state.users,
		(body) => {
			unique(state.users, text(body, "name"), domainOf(body));
			const enabled = body.enabled !== false;
			return { name: text(body, "name"), domain_id: domainOf(body), enabled, password: text(body, "password") };
		},
		{
			show: ({ password: _, ...user }) => ({ ...user, options: {}, password_expires_at: null }),
			mayRead: (request, user) => keystoneCaller(world, request).userId === user.id,
		},
	);
	kind("role", state.roles, (body) => {
		unique(state.roles, text(body, "name"), null);
		return { name: text(body, "name"), domain_id: null, description: null, options: {} };
	});
	kind("service", state.services, (body) => ({
		type: text(body, "type"),
		name: String(body.name ?? ""),
		description: String(body.description ?? ""),
		enabled: body.enabled !== false,
	}));
	kind("endpoint", state.endpoints, (body) => {
		const service = state.services[text(body, "service_id")];
		if (service === undefined) throw new Fault(404, `Could not find service: ${body.service_id}.`);
		const offered = text(body, "interface");
		if (!/^(public|internal|admin)$/.test(offered))
			throw new Fault(400, `Invalid input for field 'interface': ${offered}`);
		const region_id = typeof body.region_id === "string" ? body.region_id : null;
		return {
			service_id: service.id,
			interface: offered as Endpoint["interface"],
			url: text(body, "url"),
			region_id,
			region: region_id,
			enabled: body.enabled !== false,
		};
	});

	app.put("/v3/projects/:project/users/:user/roles/:role", async (request, reply) => {
		admin(request, "create_grant");
		const [project, user, role] = ["project", "user", "role"].map((name) => parameter(request, name)) as [
			string,
			string,
			string,
		];
		if (!state.projects[project]) throw new Fault(404, `Could not find project: ${project}.`);
		if (!state.users[user]) throw new Fault(404, `Could not find user: ${user}.`);
		if (!state.roles[role]) throw new Fault(404, `Could not find role: ${role}.`);
		const held = (one: { user: string; project: string; role: string }) =>
			one.user === user && one.project === project && one.role === role;
		if (!state.assignments.some(held)) state.assignments.push({ user, project, role });
		await world.save();
		return reply.code(204).send();
	});
	app.delete("/v3/projects/:project/users/:user/roles/:role", async (request, reply) => {
		admin(request, "revoke_grant");
		const [project, user, role] = ["project", "user", "role"].map((name) => parameter(request, name));
		const at = state.assignments.findIndex((one) => one.user === user && one.project === project && one.role === role);
		if (at < 0) throw new Fault(404, `Could not find role assignment with role: ${role}.`);
		state.assignments.splice(at, 1);
		await world.save();
		return reply.code(204).send();
	});
	app.get("/v3/role_assignments", async (request) => {
		admin(request, "list_role_assignments");
		const query = queryOf(request);
		const [user, project] = [query.get("user.id"), query.get("scope.project.id")];
		const found = state.assignments.filter(
			(one) => (user === null || one.user === user) && (project === null || one.project === project),
		);
		return {
			role_assignments: found.map((one) => ({
				role: { id: one.role },
				user: { id: one.user },
				scope: { project: { id: one.project } },
			})),
			links: { self: `${world.url}/identity/v3/role_assignments`, previous: null, next: null },
		};
	});
	app.get("/v3/auth/projects", async (request) => {
		const { userId } = keystoneCaller(world, request);
		const mine = new Set(state.assignments.filter((one) => one.user === userId).map((one) => one.project));
		const projects = Object.values(state.projects).filter((project) => mine.has(project.id));
		return { projects, links: { self: `${world.url}/identity/v3/auth/projects`, previous: null, next: null } };
	});
}
