import { Fault } from "#schemas/fault.ts";
import { defaultPage, largestPage, type PageOptions } from "#store/page.ts";
import { answerJson } from "./answer.ts";

/** An answer's rows stop here, well below OpenWhisk's 1 MiB. */
export const largestListBytes = 700_000;

/** `limit`, `marker`, `date_from` and `date_to` of a list request. Throws `Fault` BAD_REQUEST. */
export function pageOf(url: URL): PageOptions {
	const query = url.searchParams;
	const limit = query.get("limit") || String(defaultPage);
	if (!/^\d{1,6}$/.test(limit) || Number(limit) === 0) {
		throw new Fault("BAD_REQUEST", { problem: `limit must be a number from 1 to ${largestPage}` });
	}
	return {
		limit: Math.min(Number(limit), largestPage),
		marker: query.get("marker") || undefined,
		from: momentOf(query, "date_from"),
		to: momentOf(query, "date_to"),
	};
}

/** T4O's `YYYY-MM-DDTHH:MM:SS`, UTC without saying so; a zone is understood too. */
function momentOf(query: URLSearchParams, name: string): Date | undefined {
	const text = query.get(name);
	if (!text) return undefined;
	const zoned = /(Z|[+-]\d\d:?\d\d)$/.test(text);
	const moment = new Date(
		/^\d{4}-\d\d-\d\d(T[\d:.]+)?/.test(text) ? (zoned || text.length === 10 ? text : `${text}Z`) : Number.NaN,
	);
	if (!Number.isNaN(moment.getTime())) return moment;
	throw new Fault("BAD_REQUEST", { problem: `${name} must be a moment such as 2026-11-24T02:30:00` });
}

/**
 * `{ [key]: rows, [key]_links?: [next] }`. There is a next link when the page is full, or when the rows would be too
 * much for one answer; rows that do not fit come with it.
 */
export function answerList(key: string, url: URL, page: PageOptions, rows: readonly { id: string }[]): Response {
	const fitting: { id: string }[] = [];
	let bytes = 0;
	for (const row of rows) {
		bytes += Buffer.byteLength(JSON.stringify(row)) + 1;
		if (bytes > largestListBytes && fitting.length > 0) break;
		fitting.push(row);
	}
	const last = fitting.at(-1);
	const more = last !== undefined && (fitting.length < rows.length || rows.length === page.limit);
	return answerJson(200, { [key]: fitting, ...(more && { [`${key}_links`]: [nextLink(url, last.id)] }) });
}

function nextLink(url: URL, marker: string): { rel: string; href: string } {
	const next = new URL(url);
	next.searchParams.set("marker", marker);
	return { rel: "next", href: next.href };
}
