import type { FastifyInstance, FastifyRequest } from "fastify";
import { projectOf, provenIdentity } from "./authentication.ts";
import { Fault, keystoneFault, notFound } from "./fault.ts";
import { registryRoutes } from "./registry.ts";
import { header, isYes, queryOf, shapeService } from "./service.ts";
import { type Caller, callerOf, findToken, type IssuedToken, issueToken, tokenBody, unauthorized } from "./token.ts";
import type { World } from "./world.ts";

/** Keystone v3 under `/identity`. */
export function keystone(app: FastifyInstance, world: World): void {
	shapeService(app, world, { fault: keystoneFault, headers: () => ({ vary: "X-Auth-Token" }) });

	const version = () => ({
		id: "v3.14",
		status: "stable",
		updated: "2020-04-07T00:00:00Z",
		links: [{ rel: "self", href: `${world.url}/identity/v3/` }],
		"media-types": [{ base: "application/json", type: "application/vnd.openstack.identity-v3+json" }],
	});
	app.get("/", async (_request, reply) => reply.code(300).send({ versions: { values: [version()] } }));
	app.get("/v3", async () => ({ version: version() }));

	app.post("/v3/auth/tokens", async (request, reply) => {
		const auth = (request.body as { auth?: Record<string, unknown> } | null)?.auth;
		const identity = provenIdentity(world, auth);
		const scope = projectOf(world, auth, identity);
		const token = issueToken(world, { ...identity, ...scope });
		reply.code(201).header("x-subject-token", token.id);
		return tokenBody(world, token, !queryOf(request).has("nocatalog"));
	});

	/** The token that is asked about. Keystone answers 404 for one it does not know, whoever asks. */
	const subject = (request: FastifyRequest, rule: string): IssuedToken => {
		const caller = keystoneCaller(world, request);
		const id = header(request, "x-subject-token");
		const token = findToken(world, id);
		if (token === undefined) throw notFound("Could not find token: Could not find token.");
		const allowed = caller.isAdmin || caller.roles.has("service") || token.userId === caller.userId;
		if (!allowed) throw new Fault(403, `You are not authorized to perform the requested action: identity:${rule}.`);
		return token;
	};
	// Fastify answers HEAD with the GET route, as Keystone does.
	app.get("/v3/auth/tokens", async (request, reply) => {
		const token = subject(request, "validate_token");
		reply.header("x-subject-token", token.id);
		return tokenBody(world, token, !isYes(queryOf(request).get("nocatalog")));
	});
	app.delete("/v3/auth/tokens", async (request, reply) => {
		world.tokens.delete(subject(request, "revoke_token").id);
		return reply.code(204).send();
	});

	app.post("/v3/users/:user/application_credentials", async (request, reply) => {
		const caller = keystoneCaller(world, request);
		const asked = (request.body as { application_credential?: { name?: string; secret?: string } } | null)
			?.application_credential;
		const { user } = request.params as { user: string };
		if (user !== caller.userId || caller.projectId === "") throw adminOnly("create_application_credential");
		if (!asked?.name) throw new Fault(400, "'name' is a required property");
		const credential = {
			id: world.newId().replaceAll("-", ""),
			name: asked.name,
			secret: asked.secret ?? world.newId(),
			user_id: caller.userId,
			project_id: caller.projectId,
			roles: caller.token.roleIds,
		};
		world.state.credentials[credential.id] = credential;
		await world.save();
		const { user_id: _, ...shown } = credential;
		const roles = credential.roles.map((id) => ({ id, name: world.state.roles[id]?.name }));
		const created = { ...shown, roles, unrestricted: false, expires_at: null, description: null };
		return reply.code(201).send({ application_credential: created });
	});

	registryRoutes(app, world);
}

export const adminOnly = (rule: string) =>
	new Fault(403, `You are not authorized to perform the requested action: identity:${rule}.`);

export function keystoneCaller(world: World, request: FastifyRequest): Caller {
	const id = header(request, "x-auth-token");
	if (id === undefined) throw unauthorized();
	return callerOf(world, id);
}
