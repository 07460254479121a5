import type { FastifyRequest } from "fastify";
import { checkOverrides, type ResolvedAction } from "../actions/resolve.ts";
import type { Identity } from "../api/identity.ts";
import { isAnnotated } from "../api/parameters.ts";
import { bytesOf, isObject, jsonOf, queryOf } from "../api/request.ts";
import { isBinary, isJson, mediaType } from "./media.ts";

const reserved = new Set(["__ow_method", "__ow_headers", "__ow_path", "__ow_user", "__ow_query", "__ow_body"]);

/** Not for the action: they describe the connection, and the body has been read in full. */
const dropped = new Set(["content-length", "transfer-encoding", "connection", "keep-alive", "expect"]);

/** The arguments of a web action: the request itself, and its query and body merged in or, with `raw-http`, untouched. */
export function webArguments(
	request: FastifyRequest,
	action: ResolvedAction,
	rest: string,
	caller: Identity | undefined,
): Record<string, unknown> {
	const raw = isAnnotated(action.entity.annotations, "raw-http");
	return {
		...(raw ? rawContent(request) : plainContent(request, action)),
		__ow_method: request.method.toLowerCase(),
		__ow_headers: lastHeaders(request.raw.rawHeaders),
		__ow_path: rest,
		...(caller === undefined ? {} : { __ow_user: caller.namespace }),
	};
}

function rawContent(request: FastifyRequest): Record<string, unknown> {
	const bytes = bytesOf(request);
	const type = request.headers["content-type"] ?? "";
	const encoded = bytes.length > 0 && (isJson(mediaType(type)) || isBinary(type));
	return {
		__ow_query: request.raw.url?.split("?").slice(1).join("?") ?? "",
		__ow_body: bytes.toString(encoded ? "base64" : "utf8"),
	};
}

function plainContent(request: FastifyRequest, action: ResolvedAction): Record<string, unknown> {
	const query = queryOf(request);
	const body = plainBody(request);
	const fields = isObject(body) ? body : {};
	checkOverrides(action, [...Object.keys(query), ...Object.keys(fields)], reserved);
	return { ...query, ...fields, ...(body === undefined || isObject(body) ? {} : { __ow_body: body }) };
}

function plainBody(request: FastifyRequest): unknown {
	const bytes = bytesOf(request);
	if (bytes.length === 0) return undefined;
	const type = request.headers["content-type"] ?? "";
	const media = mediaType(type);
	if (media === "application/json") return jsonOf(request);
	if (media === "application/x-www-form-urlencoded")
		return Object.fromEntries(new URLSearchParams(bytes.toString("utf8")));
	return bytes.toString(isBinary(type) ? "base64" : "utf8");
}

/** One string per lower-case name; the last one of a repeated header wins, as in OpenWhisk. */
function lastHeaders(rawHeaders: string[]): Record<string, string> {
	const headers: Record<string, string> = {};
	for (let at = 0; at < rawHeaders.length; at += 2) {
		const name = rawHeaders[at]?.toLowerCase() ?? "";
		if (!dropped.has(name)) headers[name] = rawHeaders[at + 1] ?? "";
	}
	return headers;
}
