import { Failure } from "./failure.ts";
import { isFields, type Value } from "./value.ts";

/**
 * One thing a dotted path leads to. `value` is undefined where the field is missing; `element` marks the members of
 * an array the path ends at, which are offered to a predicate beside the array itself.
 */
export type Leaf = { value: Value | undefined; element: boolean };

export const isArrayPosition = (part: string) => /^(0|[1-9]\d*)$/.test(part);

/** @throws Failure BadValue for an empty path, an empty part, or a part that starts with `$` */
export function splitPath(path: string): string[] {
	const parts = path.split(".");
	if (parts.some((part) => part === "")) throw new Failure("EmptyFieldName", `The path '${path}' has an empty part`);
	const operator = parts.find((part) => part.startsWith("$"));
	if (operator !== undefined)
		throw new Failure("BadValue", `The path '${path}' has the part '${operator}', and fields may not start with '$'`);
	if (parts.includes("__proto__")) throw new Failure("BadValue", "A field named __proto__ cannot be addressed");
	return parts;
}

/**
 * What a filter path leads to, as MongoDB walks it: documents by name, arrays by position and by every document in
 * them (not by arrays in arrays). An array of no documents on the way yields nothing at all, not even "missing".
 */
export function leavesAt(value: Value, parts: readonly string[], from = 0, into: Leaf[] = []): Leaf[] {
	if (from === parts.length) {
		if (Array.isArray(value)) for (const item of value) into.push({ value: item, element: true });
		into.push({ value, element: false });
		return into;
	}
	const part = parts[from] as string;
	if (Array.isArray(value)) {
		const position = isArrayPosition(part) ? value[Number(part)] : undefined;
		for (const item of value) if (isFields(item)) leavesAt(item, parts, from, into);
		if (position !== undefined) leavesAt(position, parts, from + 1, into);
		return into;
	}
	if (!isFields(value) || !Object.hasOwn(value, part)) into.push({ value: undefined, element: false });
	else leavesAt(value[part] as Value, parts, from + 1, into);
	return into;
}
