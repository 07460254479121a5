import { ObjectId } from "bson";
import { Failure, refuse } from "./failure.ts";
import { modifiers } from "./modifier.ts";
import { equalValues, typeName } from "./order.ts";
import { isArrayPosition, splitPath } from "./path.ts";
import { type Fields, isFields, plainFields, type Value } from "./value.ts";

type Change = { operator: string; path: string; parts: string[]; argument: Value };

/** An update that was found good as a whole: either modifiers in the order they apply, or a whole new document. */
export type Update = { replacement: Fields } | { changes: Change[] };

/** `$`-names at the top of a document would read as operators; MongoDB code 52. */
export function checkFieldNames(document: Fields): void {
	const operator = Object.keys(document).find((name) => name.startsWith("$"));
	if (operator !== undefined)
		throw new Failure(
			"DollarPrefixedFieldName",
			`The dollar ($) prefixed field '${operator}' is not allowed in a document`,
		);
}

export function checkId(id: Value | undefined): void {
	if (Array.isArray(id)) throw new Failure("InvalidIdField", "The '_id' value cannot be of type array");
}

/** `_id` always comes first in a stored document. */
export const withId = (id: Value, document: Fields): Fields => {
	const { _id, ...rest } = document;
	return { _id: id, ...rest };
};

function changesOf(operator: string, argument: Value): Change[] {
	const modifier = Object.hasOwn(modifiers, operator) ? modifiers[operator] : undefined;
	if (!modifier)
		throw new Failure(
			"FailedToParse",
			`Unknown modifier: ${operator}. Expected one of ${Object.keys(modifiers).join(", ")}`,
		);
	if (!isFields(argument))
		throw new Failure(
			"FailedToParse",
			`Modifiers operate on fields but ${operator} has a value of type ${typeName(argument)}`,
		);
	return Object.entries(argument).map(([path, value]) => {
		const parts = splitPath(path);
		modifier.check(value, path);
		return { operator, path, parts, argument: value };
	});
}

function checkConflicts(changes: readonly Change[]): void {
	const paths = new Set(changes.map(({ path }) => path));
	if (paths.size < changes.length) {
		const twice = changes.find(({ path }, i) => changes.findIndex((other) => other.path === path) !== i)?.path;
		throw new Failure(
			"ConflictingUpdateOperators",
			`Updating the path '${twice}' would create a conflict at '${twice}'`,
		);
	}
	for (const { path, parts } of changes)
		for (let length = 1; length < parts.length; length++) {
			const above = parts.slice(0, length).join(".");
			if (paths.has(above))
				throw new Failure(
					"ConflictingUpdateOperators",
					`Updating the path '${path}' would create a conflict at '${above}'`,
				);
		}
}

/** Numbers by size, names by letter: MongoDB 5.0 and later add new fields in this order. */
const byPath = (a: Change, b: Change) => {
	const depth = Math.min(a.parts.length, b.parts.length);
	for (let i = 0; i < depth; i++) {
		const [x, y] = [a.parts[i] as string, b.parts[i] as string];
		if (x === y) continue;
		if (isArrayPosition(x) && isArrayPosition(y)) return Number(x) - Number(y);
		return x < y ? -1 : 1;
	}
	return a.parts.length - b.parts.length;
};

/**
 * Reads an update argument and refuses it as a whole, before any document is read.
 * @throws Failure 9 for an unknown modifier or pipeline, 40 for conflicting paths, 14 or 2 for a bad argument
 */
export function parseUpdate(argument: unknown): Update {
	if (Array.isArray(argument)) refuse("An update with an aggregation pipeline", "FailedToParse");
	const update = plainFields(argument, "the update");
	const names = Object.keys(update);
	if (!(names[0] ?? "").startsWith("$")) {
		checkFieldNames(update);
		return { replacement: update };
	}
	const changes = Object.entries(update).flatMap(([operator, fields]) => changesOf(operator, fields));
	checkConflicts(changes);
	return { changes: changes.sort(byPath) };
}

function notViable(change: Change, part: string): never {
	throw new Failure("PathNotViable", `Cannot create field '${part}' on the way to '${change.path}'`);
}

/** The container the last part of the path is in; creates documents on the way unless `create` is off. */
function containerOf(document: Fields, change: Change, create: boolean): Fields | Value[] | undefined {
	let container: Fields | Value[] = document;
	for (const part of change.parts.slice(0, -1)) {
		const next: Value | undefined = child(container, part, change, create);
		if (next === undefined) {
			if (!create || Array.isArray(container)) return undefined;
			const made: Fields = {};
			container[part] = made;
			container = made;
		} else if (isFields(next) || Array.isArray(next)) container = next;
		else if (create) notViable(change, part);
		else return undefined;
	}
	return container;
}

function child(container: Fields | Value[], part: string, change: Change, create: boolean): Value | undefined {
	if (!Array.isArray(container)) return Object.hasOwn(container, part) ? container[part] : undefined;
	if (!isArrayPosition(part)) return create ? notViable(change, part) : undefined;
	if (Number(part) >= container.length && create) refuse(`Setting the array position '${change.path}' past the end`);
	return container[Number(part)];
}

function applyChange(document: Fields, change: Change, now: () => Date): void {
	const creates = change.operator !== "$unset" && change.operator !== "$pull";
	const container = containerOf(document, change, creates);
	if (container === undefined) return;
	const last = change.parts.at(-1) as string;
	const current = child(container, last, change, creates);
	const slot = container as Record<string, Value>;
	if (change.operator === "$unset") {
		if (current === undefined) return;
		if (Array.isArray(container)) slot[last] = null;
		else delete slot[last];
		return;
	}
	const modifier = modifiers[change.operator] as (typeof modifiers)[string];
	const result = modifier.apply(current, change.argument, { path: change.path, now });
	if (result !== undefined) slot[last] = structuredCopy(result);
}

/** Arguments are shared by all documents of a multi-update, so what goes into a document is its own copy. */
function structuredCopy(value: Value): Value {
	if (Array.isArray(value)) return value.map(structuredCopy);
	if (!isFields(value)) return value;
	const copy: Fields = {};
	for (const [name, field] of Object.entries(value)) copy[name] = structuredCopy(field);
	return copy;
}

function checkSameId(before: Value | undefined, after: Value | undefined): void {
	if (before !== undefined && (after === undefined || !equalValues(before, after)))
		throw new Failure(
			"ImmutableField",
			"Performing an update on the path '_id' would modify the immutable field '_id'",
		);
}

/**
 * The document after the update; the argument is not changed. Modifiers that only act on inserts are skipped.
 * @throws Failure 66 when `_id` would change, 28 or 14 or 2 where a modifier does not fit the document
 */
export function applyUpdate(document: Fields, update: Update, now: () => Date, inserting = false): Fields {
	if ("replacement" in update) {
		if (update.replacement._id !== undefined) checkSameId(document._id, update.replacement._id);
		return document._id === undefined ? update.replacement : withId(document._id, update.replacement);
	}
	const result = structuredCopy(document) as Fields;
	for (const change of update.changes)
		if (inserting || change.operator !== "$setOnInsert") applyChange(result, change, now);
	checkSameId(document._id, result._id);
	checkFieldNames(result);
	return result;
}

/** The document an upsert inserts: the filter's equalities, then the update, then an `_id` if there is none yet. */
export function applyUpsert(seed: Fields, update: Update, now: () => Date): Fields {
	const start: Fields = "replacement" in update ? (seed._id === undefined ? {} : { _id: seed._id }) : seed;
	const document = applyUpdate(start, update, now, true);
	checkId(document._id);
	return withId(document._id ?? new ObjectId(), document);
}
