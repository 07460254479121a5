import type { FastifyRequest } from "fastify";
import { refuse } from "./errors.ts";
import type { Identity } from "./identity.ts";

declare module "fastify" {
	interface FastifyRequest {
		/** Set by the authentication hook of the REST API. */
		caller: Identity | null;
	}
}

/** The authenticated caller of a REST request. */
export function callerOf(request: FastifyRequest): Identity {
	if (request.caller === null) throw refuse("unauthorized");
	return request.caller;
}

/** Query parameters as strings; the last one of a repeated name wins. */
export function queryOf(request: FastifyRequest): Record<string, string> {
	return Object.fromEntries(new URLSearchParams(request.raw.url?.split("?").slice(1).join("?")));
}

/** The bytes of the body, however it was labelled. */
export function bytesOf(request: FastifyRequest): Buffer {
	return Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
}

/** The JSON value of the body; undefined when empty. Throws 400 when malformed. */
export function jsonOf(request: FastifyRequest): unknown {
	const text = bytesOf(request).toString("utf8");
	if (text.trim() === "") return undefined;
	try {
		return JSON.parse(text);
	} catch (error) {
		throw refuse("malformedContent", (error as Error).message);
	}
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
	typeof value === "object" && value !== null && !Array.isArray(value);

/** The JSON object of the body; empty when there is none. Throws 400 for anything else. */
export function objectOf(request: FastifyRequest): Record<string, unknown> {
	const value = jsonOf(request) ?? {};
	if (!isObject(value)) throw refuse("malformedContent", "A JSON object is expected.");
	return value;
}
