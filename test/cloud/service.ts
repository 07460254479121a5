import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { Fault, type FaultWriter, keystoneFault } from "./fault.ts";
import { type Caller, callerOf } from "./token.ts";
import type { World } from "./world.ts";

declare module "fastify" {
	interface FastifyRequest {
		requestId: string;
	}
}

export type ServiceShape = {
	fault: FaultWriter;
	/** Answer headers besides `x-openstack-request-id`. */
	headers?: (request: FastifyRequest) => Record<string, string>;
};

/** Gives a service's routes its error bodies and its request ids. */
export function shapeService(app: FastifyInstance, world: World, shape: ServiceShape): void {
	app.addHook("onRequest", async (request, reply) => {
		// An inbound id is the caller's global one; the service always answers its own.
		request.requestId = `req-${world.newId()}`;
		reply.header("x-openstack-request-id", request.requestId);
		reply.headers(shape.headers?.(request) ?? {});
	});
	app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
		sendFault(world, shape, request, reply, faultFrom(error));
	});
	app.setNotFoundHandler((request, reply) => {
		sendFault(world, shape, request, reply, new Fault(404, "The resource could not be found."));
	});
}

function faultFrom(error: Error & { statusCode?: number }): Fault {
	if (error instanceof Fault) return error;
	if (error.statusCode === 400) return new Fault(400, "Malformed request body");
	if (error.statusCode !== undefined && error.statusCode < 500) return new Fault(error.statusCode, error.message);
	return new Fault(500, `Unexpected error: ${error.message}`);
}

function sendFault(
	world: World,
	shape: ServiceShape,
	request: FastifyRequest,
	reply: FastifyReply,
	fault: Fault,
): void {
	// keystonemiddleware answers for every service when there is no valid token.
	const write = fault.status === 401 ? keystoneFault : shape.fault;
	const { contentType, text } = write(fault, request.headers.accept ?? "*/*");
	if (fault.status === 401) reply.header("www-authenticate", `Keystone uri="${world.url}/identity"`);
	reply.code(fault.status).type(contentType).send(text);
}

export function header(request: FastifyRequest, name: string): string | undefined {
	const value = request.headers[name];
	return Array.isArray(value) ? value[0] : value;
}

/** Checks the token. Throws 401. */
export function who(world: World, request: FastifyRequest): Caller {
	return callerOf(world, header(request, "x-auth-token"));
}

export function parameter(request: FastifyRequest, name: string): string {
	return (request.params as Record<string, string>)[name] ?? "";
}

/** The object under `key` of a JSON body. Throws 400. */
export function bodyOf(request: FastifyRequest, key: string): Record<string, unknown> {
	const value = (request.body as Record<string, unknown> | null | undefined)?.[key];
	if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
	throw new Fault(400, `Invalid input for field/attribute ${key}. '${key}' is a required property`);
}

export function queryOf(request: FastifyRequest): URLSearchParams {
	const start = request.url.indexOf("?");
	return new URLSearchParams(start < 0 ? "" : request.url.slice(start + 1));
}

/** Python services read `1`, `true`, `yes`, `on` and `t`. */
export function isYes(value: string | null): boolean {
	return value !== null && /^(1|t|true|on|y|yes)$/i.test(value);
}
