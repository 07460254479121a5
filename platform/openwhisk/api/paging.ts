import { refuse } from "./errors.ts";

export const defaultListLimit = 30;
export const maxListLimit = 200;

export type Page = { limit: number; skip: number; count: boolean };

/** `limit` (0 means the maximum), `skip` and `count` of a list request. Throws 400 naming the parameter. */
export function readPage(query: Record<string, string>): Page {
	const limit = integer(query, "limit", defaultListLimit);
	if (limit > maxListLimit)
		throw refuse(
			"badRequest",
			`The value '${limit}' is not in the range of 0 to ${maxListLimit} for list operations (parameter 'limit').`,
		);
	return {
		limit: limit === 0 ? maxListLimit : limit,
		skip: integer(query, "skip", 0),
		count: query.count === "true",
	};
}

/** A whole number of at least 0; throws 400 otherwise. */
export function integer(query: Record<string, string>, name: string, fallback: number): number {
	const text = query[name];
	if (text === undefined || text === "") return fallback;
	const value = Number(text);
	if (!Number.isSafeInteger(value) || value < 0)
		throw refuse("badRequest", `The query parameter '${name}' must be a whole number of at least 0, not '${text}'.`);
	return value;
}
