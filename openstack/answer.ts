import { isOpenStackError, OpenStackError } from "./error.ts";
import type { Query, RequestOptions, Session } from "./session.ts";
import type { Answer } from "./transport.ts";

/** The value under `key` of an answer's JSON object. Throws `bad-answer` when the service sent something else. */
export function under<T>(service: string, answer: Answer, key: string): T {
	const value = (answer.body as Record<string, unknown> | undefined)?.[key];
	if (value !== undefined && value !== null) return value as T;
	throw new OpenStackError({
		service,
		status: answer.status,
		kind: "bad-answer",
		message: `The ${service} service answered ${answer.status} without "${key}"; check that its endpoint leads to the real service.`,
		requestId: answer.requestId,
	});
}

/** `GET path`, and the value under `key`. */
export async function getOne<T>(
	session: Session,
	service: string,
	path: string,
	key: string,
	options?: RequestOptions,
): Promise<T> {
	return under<T>(service, await session.request(service, "GET", path, options), key);
}

/** `DELETE path`; a thing that is already gone counts as deleted, so that it may be called twice. */
export async function deleteOne(
	session: Session,
	service: string,
	path: string,
	options?: RequestOptions,
): Promise<"accepted" | "gone"> {
	try {
		await session.request(service, "DELETE", path, options);
		return "accepted";
	} catch (error) {
		if (isOpenStackError(error, "not-found")) return "gone";
		throw error;
	}
}

/** An id inside a path: whatever is in it cannot lead to another resource. */
export function segment(id: string): string {
	if (id === "" || id === "." || id === "..") {
		throw new OpenStackError({ service: "client", status: 0, kind: "bad-request", message: `"${id}" is not an id.` });
	}
	return encodeURIComponent(id);
}

/**
 * Every item of a listing, page after page. Understands Nova's and Cinder's `servers_links`, Neutron's
 * `networks_links`, Glance's `next` and Keystone's `links.next`, of which only the query is used: the host in them
 * may be one that only the service's proxy knows.
 */
export async function* pages<T>(
	session: Session,
	service: string,
	path: string,
	key: string,
	options: RequestOptions = {},
): AsyncGenerator<T, void, undefined> {
	const seen = new Set<string>();
	let query: Query | undefined = options.query;
	while (true) {
		const answer = await session.request(service, "GET", path, { ...options, query });
		const items = under<T[]>(service, answer, key);
		yield* items;
		const next = nextQuery(answer.body as Record<string, unknown>, key);
		// A service that sends an empty page or the same link again would never end.
		if (next === undefined || items.length === 0 || seen.has(next)) return;
		seen.add(next);
		query = queryOf(next);
	}
}

function nextQuery(body: Record<string, unknown>, key: string): string | undefined {
	const links = body[`${key}_links`];
	const href = Array.isArray(links)
		? (links as { rel: string; href: string }[]).find((link) => link.rel === "next")?.href
		: (body.next ?? (body.links as { next?: unknown } | undefined)?.next);
	if (typeof href !== "string") return undefined;
	const start = href.indexOf("?");
	return start < 0 ? undefined : href.slice(start + 1);
}

function queryOf(text: string): Query {
	const query: Record<string, string[]> = {};
	for (const [name, value] of new URLSearchParams(text)) {
		query[name] ??= [];
		query[name].push(value);
	}
	return query;
}
