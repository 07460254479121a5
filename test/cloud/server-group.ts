import { createHash } from "node:crypto";
import type { FastifyInstance } from "fastify";
import { badRequest, conflict, forbidden, notFound } from "./fault.ts";
import type { NovaCalled } from "./nova.ts";
import { bodyOf, isYes, parameter, queryOf } from "./service.ts";
import type { StoredServerGroup } from "./state.ts";
import { mustBeMember } from "./token.ts";
import type { World } from "./world.ts";

/** The small things a server may refer to: server groups and key pairs. */
export function serverGroupRoutes(app: FastifyInstance, world: World, called: NovaCalled): void {
	const { serverGroups, keypairs } = world.state;

	/** `policies` became `policy` in 2.64. */
	const view = (group: StoredServerGroup, minor: number) => {
		const { policy, ...rest } = group;
		const policies = minor >= 64 ? { policy, rules: {} } : { policies: [policy], metadata: {} };
		return minor >= 13
			? { ...rest, ...policies }
			: { id: rest.id, name: rest.name, members: rest.members, ...policies };
	};

	app.get("/v2.1/os-server-groups", async (request) => {
		const { caller, minor } = called(request);
		const everyone = isYes(queryOf(request).get("all_projects")) && caller.isAdmin;
		const found = Object.values(serverGroups).filter((one) => everyone || one.project_id === caller.projectId);
		return { server_groups: found.map((group) => view(group, minor)) };
	});
	app.post("/v2.1/os-server-groups", async (request) => {
		const { caller, minor } = called(request);
		mustBeMember(caller, "os_compute_api:os-server-groups:create");
		const { name, policy, policies } = bodyOf(request, "server_group") as {
			name?: string;
			policy?: string;
			policies?: string[];
		};
		const chosen = minor >= 64 ? policy : policies?.[0];
		if (!name || !chosen) throw badRequest("Invalid input for field/attribute server_group.");
		const owner = { project_id: caller.projectId, user_id: caller.userId };
		const group: StoredServerGroup = { id: world.newId(), name, policy: chosen, members: [], ...owner };
		serverGroups[group.id] = group;
		await world.save();
		return { server_group: view(group, minor) };
	});

	app.get("/v2.1/os-keypairs/:name", async (request) => {
		const { caller, minor } = called(request);
		const asked = minor >= 10 ? queryOf(request).get("user_id") : null;
		if (asked !== null && asked !== caller.userId && !caller.isAdmin)
			throw forbidden("os_compute_api:os-keypairs:show");
		const name = parameter(request, "name");
		const pair = keypairs.find((one) => one.name === name && one.user_id === (asked ?? caller.userId));
		if (pair === undefined) throw notFound(`Keypair ${name} not found for user ${asked ?? caller.userId}`);
		return { keypair: pair };
	});
	app.post("/v2.1/os-keypairs", async (request, reply) => {
		const { caller } = called(request);
		const { name, public_key } = bodyOf(request, "keypair") as { name?: string; public_key?: string };
		if (!name || !public_key) throw badRequest("Invalid input for field/attribute keypair.");
		const taken = keypairs.some((one) => one.name === name && one.user_id === caller.userId);
		if (taken) throw conflict(`Key pair '${name}' already exists.`);
		const key = Buffer.from(public_key.split(" ")[1] ?? "", "base64");
		const digest = createHash("md5").update(key).digest("hex");
		const fingerprint = (digest.match(/../g) ?? []).join(":");
		keypairs.push({ name, public_key, fingerprint, user_id: caller.userId, type: "ssh" });
		await world.save();
		return reply.code(201).send({ keypair: keypairs.at(-1) });
	});
}
