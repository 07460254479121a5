import type { Socket } from "node:net";
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { Fault } from "#schemas/fault.ts";
import { callOf } from "./call.ts";
import type { Context } from "./context.ts";
import { forward } from "./forward.ts";
import { bodyLimitBytes } from "./limit.ts";
import { ownAnswers } from "./own.ts";
import { requestIdsOf } from "./request-id.ts";
import { findRoute, MethodNotAllowed, type Routes } from "./route.ts";
import type { ServiceName } from "./service.ts";

/** A request that is not here after this long is not coming. */
const requestTimeoutMs = 60_000;

/** nginx's number for a caller that hung up. */
const hungUp = 499;

/**
 * The server of one service. Order of the checks, cheapest first: route (404, 405), token (401), size (413), JSON (400);
 * only then a function is called.
 */
export const createServer = (service: ServiceName, routes: Routes, context: Context): FastifyInstance => {
	const app = fastify({
		bodyLimit: bodyLimitBytes,
		requestTimeout: requestTimeoutMs,
		trustProxy: context.trustForwarded,
		// Requests on kept connections are still served while closing, and told that the connection ends.
		return503OnClosing: false,
		clientErrorHandler: (error, socket) => refuseConnection(error, socket as Socket),
		frameworkErrors: (_error, request, reply) => {
			begin(request, reply);
			const { call } = request;
			return sendFault(request, reply, new Fault("NO_ROUTE", { method: request.method, path: call.path }));
		},
	});
	app.removeAllContentTypeParsers();
	app.addContentTypeParser("*", { parseAs: "buffer" }, async (_request: FastifyRequest, body: Buffer) => body);
	app.decorateRequest("call");

	const begin = (request: FastifyRequest, reply: FastifyReply): void => {
		const inbound = request.headers["x-openstack-request-id"];
		request.call = callOf(request, requestIdsOf(typeof inbound === "string" ? inbound : undefined, context.newId));
		// The second name is the one that T4O's clients look for.
		for (const name of ["x-openstack-request-id", "x-compute-request-id"]) reply.header(name, request.call.ids.local);
	};

	const sendFault = (request: FastifyRequest, reply: FastifyReply, fault: Fault): FastifyReply => {
		if (fault instanceof MethodNotAllowed) reply.header("allow", fault.allowed.join(", "));
		if (fault.status === 401) reply.header("www-authenticate", `Keystone uri="${context.authUrl}"`);
		if (fault.cause !== undefined && fault.status >= 500) {
			context.log("failure", { request_id: request.call.ids.local, fault: fault.code, cause: String(fault.cause) });
		}
		return reply.code(fault.status).type("application/json").send(fault.body);
	};

	app.addHook("onRequest", async (request, reply) => {
		begin(request, reply);
		const { call } = request;
		call.found = findRoute(routes, request.method, call.path);
		if (!call.found.route.secured) return;
		const token = request.headers["x-auth-token"];
		call.caller = await context.checkToken(typeof token === "string" ? token : undefined);
	});

	// A request that was under way when the end was asked for: its answer tells the caller that the connection ends.
	// Otherwise the caller keeps it, and the end waits for the keep-alive time.
	let ending = false;
	app.addHook("preClose", async () => {
		ending = true;
	});
	app.addHook("onSend", async (_request, reply) => {
		if (ending) reply.header("connection", "close");
	});

	const answer = async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
		const { route } = request.call.found as NonNullable<typeof request.call.found>;
		if (route.action) return forward(context, route.action, request, reply);
		return ownAnswers[route.operationId]?.(context, service, request, reply);
	};
	app.route({ method: app.supportedMethods, url: "*", handler: answer });
	app.setNotFoundHandler(answer);

	app.setErrorHandler((error: FastifyError, request, reply) => sendFault(request, reply, faultFrom(error, request)));

	const logAccess = (request: FastifyRequest, status: number, ms: number): void => {
		const { ids, path, found, caller, activationId } = request.call;
		context.log("access", {
			...{ service, request_id: ids.local, global_request_id: ids.global, client: request.ip },
			...{ method: request.method, path, status, ms: Math.round(ms) },
			...{ action: found?.route.action?.action, activation_id: activationId },
			...{ project_id: caller?.project?.id, user_id: caller?.user.id },
		});
	};
	app.addHook("onResponse", async (request, reply) => logAccess(request, reply.statusCode, reply.elapsedTime));
	app.addHook("onRequestAbort", async (request) => logAccess(request, hungUp, 0));
	return app;
};

const faultFrom = (error: FastifyError, request: FastifyRequest): Fault => {
	if (error instanceof Fault) return error;
	const { statusCode = 500 } = error;
	if (statusCode === 413) return new Fault("BODY_TOO_LARGE", { limit: String(bodyLimitBytes) });
	if (statusCode < 500) return new Fault("BAD_REQUEST", { problem: error.message.replace(/\.$/, "") });
	return new Fault("INTERNAL", { request_id: request.call.ids.local }, { cause: error });
};

/** What is no HTTP, or has more headers than anybody needs, gets an answer in our shape too. */
const refuseConnection = (error: Error & { code?: string }, socket: Socket): void => {
	if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
	const tooLarge = error.code === "HPE_HEADER_OVERFLOW";
	const problem = tooLarge ? "its headers are larger than 16 KiB" : "it is not HTTP";
	const body = JSON.stringify(new Fault("BAD_REQUEST", { problem }).body);
	const status = tooLarge ? "431 Request Header Fields Too Large" : "400 Bad Request";
	const headers = `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close`;
	socket.end(`HTTP/1.1 ${status}\r\n${headers}\r\n\r\n${body}`);
};
