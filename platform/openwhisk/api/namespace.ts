import type { FastifyInstance } from "fastify";
import { actionRoutes } from "../actions/routes.ts";
import { activationRoutes } from "../activations/routes.ts";
import { packageRoutes } from "../packages/routes.ts";
import type { Platform } from "../platform.ts";
import { ruleRoutes } from "../rules/routes.ts";
import { triggerRoutes } from "../triggers/routes.ts";
import { refuse } from "./errors.ts";
import { identify, ownNamespace } from "./identity.ts";
import { callerOf } from "./request.ts";

/** Everything below `/api/v1/namespaces`: needs a valid key, and shows the caller's own namespace only. */
export function namespaceRoutes(app: FastifyInstance, platform: Platform) {
	app.addHook("onRequest", async (request) => {
		request.caller = identify(request.headers.authorization, platform.identities) ?? null;
		if (request.caller === null) throw refuse("unauthorized");
		const { namespace } = request.params as { namespace?: string };
		if (namespace !== undefined) ownNamespace(request.caller, namespace);
	});
	app.get("/", async (request) => [callerOf(request).namespace]);
	app.register(
		async (inNamespace) => {
			actionRoutes(inNamespace, platform);
			packageRoutes(inNamespace, platform);
			triggerRoutes(inNamespace, platform);
			ruleRoutes(inNamespace, platform);
			activationRoutes(inNamespace, platform);
		},
		{ prefix: "/:namespace" },
	);
}
