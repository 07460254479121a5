import { Fault } from "#schemas/fault.ts";
import { type Action, type ApiDocument, type Method, methods, type Operation } from "./document.ts";

export type Route = {
	method: string;
	/** As the document writes it: `/v1/{project_id}/workloads`. */
	path: string;
	operationId: string;
	/** Undefined where the gateway answers itself. */
	action: Action | undefined;
	/** False where nobody needs a token. */
	secured: boolean;
	takesBody: boolean;
};

type Entry = { path: string; segments: readonly string[]; routes: Map<string, Route> };

export type Routes = readonly Entry[];

/**
 * A segment that no proxy, URL parser or router on the way can read as something else: RFC 3986's unreserved characters,
 * no percent-encoding, no dot segments. All ids, project ids and host names are made of them.
 */
const plainSegment = /^(?!\.{1,2}$)[\w.~-]+$/;

const isParameter = (segment: string): boolean => segment.startsWith("{");

/** `/a/b` → `["a", "b"]`; `/` → `[]`. One trailing slash means nothing. */
const split = (path: string): string[] => {
	const inner = path.replace(/^\//, "").replace(/\/$/, "");
	return inner === "" ? [] : inner.split("/");
};

/** The table of the document's routes, literal segments before parameters, as OpenAPI 3.1 wants. */
export const compileRoutes = (document: ApiDocument): Routes =>
	Object.entries(document.paths)
		.map(([path, item]) => {
			const routes = new Map<string, Route>();
			for (const method of methods) {
				const operation = item[method];
				if (operation) routes.set(method.toUpperCase(), routeOf(path, method, operation, item["x-openwhisk"]));
			}
			return { path, segments: split(path), routes };
		})
		.sort((left, right) => parametersOf(left.segments) - parametersOf(right.segments));

const parametersOf = (segments: readonly string[]): number => segments.filter(isParameter).length;

const routeOf = (path: string, method: Method, operation: Operation, inherited: Action | undefined): Route => ({
	method: method.toUpperCase(),
	path,
	operationId: operation.operationId,
	action: operation["x-openwhisk"] ?? inherited,
	secured: operation.security?.length !== 0,
	takesBody: operation.requestBody !== undefined,
});

/**
 * The route for a request, and its path as it is forwarded. Throws `Fault` NO_ROUTE, or METHOD_NOT_ALLOWED with what
 * the path does take in `allowed`.
 */
export const findRoute = (routes: Routes, method: string, path: string): { route: Route; path: string } => {
	const segments = split(path);
	const entry = segments.every((segment) => plainSegment.test(segment))
		? routes.find((candidate) => fits(candidate.segments, segments))
		: undefined;
	if (entry === undefined) throw new Fault("NO_ROUTE", { method, path });
	const route = entry.routes.get(method);
	if (route === undefined) throw new MethodNotAllowed(method, path, [...entry.routes.keys()]);
	return { route, path: `/${segments.join("/")}` };
};

const fits = (pattern: readonly string[], segments: readonly string[]): boolean =>
	pattern.length === segments.length && pattern.every((part, at) => isParameter(part) || part === segments[at]);

/** A 405 has to say in `Allow` what would work (RFC 9110, 15.5.6). */
export class MethodNotAllowed extends Fault {
	readonly allowed: readonly string[];
	constructor(method: string, path: string, allowed: readonly string[]) {
		super("METHOD_NOT_ALLOWED", { method, path, allowed: allowed.join(", ") });
		this.allowed = allowed;
	}
}
