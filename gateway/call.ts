import type { FastifyRequest } from "fastify";
import type { ValidToken } from "#openstack/token.ts";
import type { Approach } from "./headers.ts";
import type { RequestIds } from "./request-id.ts";
import type { Route } from "./route.ts";

/** What is known of a request under way; it grows from step to step. */
export type Call = {
	ids: RequestIds;
	/** Without the query, as it came. */
	path: string;
	/** `?…`, or nothing. */
	query: string;
	found?: { route: Route; path: string };
	caller?: ValidToken;
	activationId?: string;
};

declare module "fastify" {
	interface FastifyRequest {
		call: Call;
	}
}

export const callOf = (request: FastifyRequest, ids: RequestIds): Call => {
	const url = request.raw.url ?? "/";
	const at = url.indexOf("?");
	return { ids, path: at < 0 ? url : url.slice(0, at), query: at < 0 ? "" : url.slice(at) };
};

/** What a caller may put into `Host` and so into the links of answers. */
const plainHost = /^[\w.[\]:-]+$/;

/** How the caller reached us. Fastify reads `X-Forwarded-*` where they are trusted. */
export const approachOf = (request: FastifyRequest): Approach => {
	const { localAddress, localPort } = request.socket;
	const host = plainHost.test(request.host ?? "") ? request.host : `${localAddress}:${localPort}`;
	return {
		protocol: request.protocol === "https" ? "https" : "http",
		host,
		address: request.ip,
		url: request.raw.url ?? "/",
	};
};
