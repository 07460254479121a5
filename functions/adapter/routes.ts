import Router from "find-my-way";
import { Fault } from "#schemas/fault.ts";
import type { Context, Handler } from "./context.ts";
import { type Access, type Identity, identify, mustBeIn, mustHave } from "./identity.ts";

export type Call = {
	request: Request;
	context: Context;
	identity: Identity;
	/** Path parameters, decoded. `project` is the caller's own, or the caller is an admin. */
	params: Record<string, string>;
	url: URL;
};

export type Route = {
	method: "GET" | "POST" | "PUT" | "DELETE";
	/** find-my-way's grammar: `/v1/:project/workloads/:id`. */
	path: string;
	access: Access;
	/** T4O's name of the operation; a 403 says it. */
	rule: string;
	answer: (call: Call) => Promise<Response>;
};

/** Longer than any id or host name. */
const longestParameter = 300;

/**
 * One handler for a table of routes. Order of the checks: token (401), route (404, 405), project (404), role (403).
 * So nobody without a token learns what exists.
 */
export function serve(routes: readonly Route[]): Handler {
	const router = Router({ ignoreTrailingSlash: true, ignoreDuplicateSlashes: true, maxParamLength: longestParameter });
	for (const route of routes) router.on(route.method, route.path, () => {}, route);
	const methods = [...new Set(routes.map((route) => route.method))];

	return async (request, context) => {
		const identity = await identify(request, context);
		const url = new URL(request.url);
		const found = router.find(request.method as Route["method"], url.pathname);
		if (found === null) throw noRoute(request.method, url.pathname);
		const route = found.store as Route;
		const params = found.params as Record<string, string>;
		if (params.project !== undefined) mustBeIn(identity, params.project);
		mustHave(identity, route.access, route.rule);
		return route.answer({ request, context, identity, params, url });
	};

	function noRoute(method: string, path: string): Fault {
		const allowed = methods.filter((other) => router.find(other, path) !== null);
		if (allowed.length === 0) return new Fault("NO_ROUTE", { method, path });
		return new Fault("METHOD_NOT_ALLOWED", { method, path, allowed: allowed.join(", ") });
	}
}
