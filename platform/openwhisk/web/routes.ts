import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { startActivation, within } from "../actions/invoke.ts";
import { type ResolvedAction, resolveAction } from "../actions/resolve.ts";
import { ApiError, refuse } from "../api/errors.ts";
import { equalSecrets, type Identity, identify } from "../api/identity.ts";
import type { EntityPath } from "../api/names.ts";
import { annotation, isAnnotated } from "../api/parameters.ts";
import type { Platform } from "../platform.ts";
import { corsHeaders } from "./cors.ts";
import { isWebMethod, webMethods } from "./methods.ts";
import { splitPath } from "./path.ts";
import { webArguments } from "./request.ts";
import { transcode } from "./response.ts";

/** `/api/v1/web/{namespace}/{package|default}/{action}[.ext]{/rest}` for every verb. */
export function webRoutes(app: FastifyInstance, platform: Platform) {
	app.route({
		method: [...webMethods],
		url: "/api/v1/web/*",
		exposeHeadRoute: false,
		handler: (request, reply) => serve(platform, request, reply),
	});
}

async function serve(platform: Platform, request: FastifyRequest, reply: FastifyReply) {
	const target = splitPath(request.raw.url ?? "");
	const owner = platform.identities.find(({ namespace }) => namespace === target?.namespace);
	if (target === undefined || owner === undefined || !isWebMethod(request.method)) throw refuse("notFound");
	const action = await exported(platform, { ...target.action, namespace: owner.namespace });
	const { annotations } = action.entity;
	const customOptions = isAnnotated(annotations, "web-custom-options");
	if (!customOptions) reply.headers(corsHeaders(request.headers));
	const caller = identify(request.headers.authorization, platform.identities);
	const preflight = request.method === "OPTIONS";
	if (preflight && !customOptions) return reply.code(200).send();
	// A browser sends no credentials with a preflight, so an action that answers OPTIONS itself gets it without them.
	if (!preflight) checkWebAuth(annotation(annotations, "require-whisk-auth"), caller, request);

	const payload = webArguments(request, action, target.rest, caller);
	const invocation = { action, payload, identity: owner, transactionId: request.id };
	const { activationId, finished } = startActivation(platform, invocation);
	reply.header("x-openwhisk-activation-id", activationId);
	const record = await within(finished, platform.blockingWaitMs);
	if (record === undefined) throw refuse("notReady");
	const { status, result } = record.response;
	if (status !== "success" && status !== "application error") throw refuse("webFailure");
	const shown = status === "success" ? result : (result as { error: unknown }).error;
	const { code, headers, body } = transcode(target.extension, shown);
	for (const [name, value] of headers) reply.header(name, value);
	// Bytes, because Fastify would add a charset to the type of a string.
	return reply.code(code).send(body.length === 0 ? undefined : Buffer.from(body));
}

/** A web action is one that says so; any other one, or none at all, is 404 alike. */
async function exported(platform: Platform, path: EntityPath): Promise<ResolvedAction> {
	try {
		const action = await resolveAction(platform, path);
		if (isAnnotated(action.entity.annotations, "web-export")) return action;
	} catch (error) {
		if (!(error instanceof ApiError) || error.status === 500) throw error;
	}
	throw refuse("notFound");
}

/** `true` asks for a valid key of the platform, a string or a number for the same value in `X-Require-Whisk-Auth`. */
function checkWebAuth(required: unknown, caller: Identity | undefined, request: FastifyRequest) {
	if (required === undefined || required === null || required === false) return;
	const shown = request.headers["x-require-whisk-auth"];
	const allowed =
		required === true ? caller !== undefined : typeof shown === "string" && equalSecrets(shown, String(required));
	if (!allowed) throw refuse("unauthorized");
}
