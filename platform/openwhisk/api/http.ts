import Fastify, { type FastifyError, type FastifyInstance } from "fastify";
import { infoRoutes } from "../info/routes.ts";
import type { Platform } from "../platform.ts";
import { webRoutes } from "../web/routes.ts";
import { ApiError, apiErrors, refuse } from "./errors.ts";
import { namespaceRoutes } from "./namespace.ts";

/** The longest request body, except for the code of an action. */
const maxBodyBytes = 1024 * 1024;

/** The HTTP face of the platform. Every error is `{ error, code }`, every answer carries `X-Request-ID`. */
export function createHttp(platform: Platform): FastifyInstance {
	const app = Fastify({
		bodyLimit: maxBodyBytes,
		genReqId: ({ headers }) => {
			const given = headers["x-request-id"];
			return typeof given === "string" && /^[\x21-\x7e]{1,128}$/.test(given) ? given : platform.newId();
		},
		routerOptions: { maxParamLength: 512 },
		forceCloseConnections: "idle",
	});
	// Bodies stay bytes until a route knows what they are: a web action sees exactly what was sent.
	app.removeAllContentTypeParsers();
	app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
	app.decorateRequest("caller", null);
	app.addHook("onRequest", async (request, reply) => void reply.header("x-request-id", request.id));

	// A connection that a client would keep open must not hold up the end of the platform.
	app.addHook("onSend", async (_request, reply) => {
		if (!app.server.listening) reply.header("connection", "close");
	});

	app.setNotFoundHandler((request, reply) => {
		const { status, text } = apiErrors.notFound;
		return reply.code(status).send({ error: text(), code: request.id });
	});
	app.setErrorHandler<FastifyError | ApiError>((error, request, reply) => {
		const known = toApiError(error, request.headers["content-length"], request.routeOptions.bodyLimit);
		if (known === undefined) platform.log(`${request.method} ${request.url.split("?")[0]} failed: ${error.stack}`);
		const { status, message } = known ?? refuse("internal");
		if (status === 401) reply.header("www-authenticate", 'Basic realm="OpenWhisk secure realm"');
		return reply.code(status).send({ error: message, code: request.id });
	});

	infoRoutes(app);
	webRoutes(app, platform);
	app.register(async (api) => namespaceRoutes(api, platform), { prefix: "/api/v1/namespaces" });
	return app;
}

function toApiError(error: FastifyError | ApiError, length: string | undefined, limit = maxBodyBytes) {
	if (error instanceof ApiError) return error;
	if (error.code === "FST_ERR_CTP_BODY_TOO_LARGE") return refuse("tooLarge", length ?? "unknown", limit);
	const status = error.statusCode;
	return status !== undefined && status < 500 ? new ApiError(status, error.message) : undefined;
}
