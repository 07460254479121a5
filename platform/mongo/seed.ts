import { BSONRegExp } from "bson";
import { Failure, refuse } from "./failure.ts";
import { splitPath } from "./path.ts";
import { isOperatorDocument } from "./predicate.ts";
import { type Fields, plainFields, type Value } from "./value.ts";

type Equality = { path: string; value: Value };

/**
 * The equalities of a filter as the document an upsert starts from: `{a: 1, "b.c": {$eq: 2}}` becomes
 * `{a: 1, b: {c: 2}}`. MongoDB also reads an equality out of a one-branch `$or`, `$in` or `$all`; those are refused.
 * @throws Failure NotSingleValueField when two equalities name the same or nested paths
 */
export function seedOf(filter: unknown): Fields {
	const equalities = equalitiesOf(plainFields(filter ?? {}, "the filter", { regex: true }));
	const paths = equalities.map(({ path }) => path);
	const seed: Fields = {};
	for (const [i, { path, value }] of equalities.entries()) {
		if (paths.some((other, j) => j !== i && (other === path || path.startsWith(`${other}.`))))
			throw new Failure("NotSingleValueField", `cannot infer query fields to set, path '${path}' is matched twice`);
		plant(seed, splitPath(path), value);
	}
	return seed;
}

function equalitiesOf(filter: Fields): Equality[] {
	return Object.entries(filter).flatMap(([name, condition]) => {
		if (name === "$and") return (condition as Fields[]).flatMap(equalitiesOf);
		if (name === "$or" && (condition as Value[]).length === 1) refuse("An upsert with a one-branch $or");
		return name.startsWith("$") ? [] : equalitiesOfField(name, condition);
	});
}

function equalitiesOfField(path: string, condition: Value): Equality[] {
	if (condition instanceof BSONRegExp) return [];
	if (!isOperatorDocument(condition)) return [{ path, value: condition }];
	return Object.entries(condition).flatMap(([operator, operand]) => {
		if ((operator === "$in" || operator === "$all") && (operand as Value[]).length === 1)
			refuse(`An upsert with a one-value ${operator}`);
		return operator === "$eq" ? [{ path, value: operand }] : [];
	});
}

function plant(seed: Fields, parts: string[], value: Value): void {
	let node = seed;
	for (const part of parts.slice(0, -1)) {
		if (!Object.hasOwn(node, part)) node[part] = {};
		node = node[part] as Fields;
	}
	node[parts.at(-1) as string] = value;
}
