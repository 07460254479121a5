import { badRequest } from "./fault.ts";

/**
 * One page by `limit` and `marker` (the id of the last item of the page before). `next` is the query of the page that
 * follows, if there is more. Throws 400 as Nova and Cinder do for a bad limit or a marker that is not in the listing.
 */
export function pageOf<T extends { id: string }>(
	items: readonly T[],
	query: URLSearchParams,
	largest: number,
): { items: T[]; next: string | undefined } {
	const limit = readLimit(query.get("limit"), largest);
	const marker = query.get("marker");
	let start = 0;
	if (marker !== null && marker !== "") {
		const at = items.findIndex((item) => item.id === marker);
		if (at < 0) throw badRequest(`marker [${marker}] not found`);
		start = at + 1;
	}
	const page = items.slice(start, start + limit);
	const last = page.at(-1);
	if (last === undefined || start + limit >= items.length) return { items: page, next: undefined };
	const next = new URLSearchParams(query);
	next.set("marker", last.id);
	return { items: page, next: next.toString() };
}

function readLimit(value: string | null, largest: number): number {
	if (value === null) return largest;
	if (!/^\d+$/.test(value)) throw badRequest(`Invalid input for query parameters limit. Value: ${value}.`);
	return value === "0" ? largest : Math.min(Number(value), largest);
}

/** Nova's and Cinder's `servers_links`, or nothing on the last page. */
export function nextLinks(key: string, base: string, next: string | undefined): Record<string, unknown> {
	return next === undefined ? {} : { [`${key}_links`]: [{ rel: "next", href: `${base}?${next}` }] };
}
