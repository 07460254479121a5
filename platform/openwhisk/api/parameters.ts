import { refuse } from "./errors.ts";

/** A parameter or an annotation. `init` parameters go to the environment of the process instead of the arguments. */
export type KeyValue = { key: string; value: unknown; init?: boolean };

/** The list of an entity body, checked; undefined when absent. Throws 400 naming the field. */
export function readKeyValues(
	body: Record<string, unknown>,
	field: "parameters" | "annotations",
): KeyValue[] | undefined {
	const list = body[field];
	if (list === undefined || list === null) return undefined;
	const wrong = () =>
		refuse("malformedContent", `'${field}' must be a list of { "key": string, "value": any } with each key once.`);
	if (!Array.isArray(list)) throw wrong();
	const byKey = new Map<string, KeyValue>();
	for (const item of list) {
		if (typeof item?.key !== "string") throw wrong();
		byKey.set(item.key, { key: item.key, value: item.value ?? null, ...(item.init === true ? { init: true } : {}) });
	}
	return [...byKey.values()];
}

/** Later lists win, key by key: package, then action. */
export function mergeKeyValues(...lists: readonly (readonly KeyValue[])[]): KeyValue[] {
	return [...new Map(lists.flat().map((item) => [item.key, item])).values()];
}

export function toObject(list: readonly KeyValue[]): Record<string, unknown> {
	return Object.fromEntries(list.map(({ key, value }) => [key, value]));
}

export function annotation(list: readonly KeyValue[], key: string): unknown {
	return list.find((item) => item.key === key)?.value;
}

/** OpenWhisk takes `true` only; a string or a number is not a yes. */
export function isAnnotated(list: readonly KeyValue[], key: string): boolean {
	return annotation(list, key) === true;
}
