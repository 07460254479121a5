import { Failure, refuse } from "./failure.ts";
import { compileFilter } from "./filter.ts";
import { compareValues, equalValues, typeName } from "./order.ts";
import { compileElementTest, isOperatorDocument } from "./predicate.ts";
import { isFields, type Value } from "./value.ts";

/** Where a modifier acts: the path for messages, and the clock for $currentDate. */
export type Target = { path: string; now: () => Date };

/**
 * One update operator. `check` refuses a bad argument before any document is touched; `apply` returns the new value,
 * or undefined to leave the field as it is (missing stays missing). Only `$unset` removes.
 */
export type Modifier = {
	check: (argument: Value, path: string) => void;
	apply: (current: Value | undefined, argument: Value, target: Target) => Value | undefined;
};

const anything = () => {};

function arithmetic(
	operator: string,
	verb: string,
	whenMissing: (by: number) => number,
	run: (a: number, b: number) => number,
): Modifier {
	return {
		check: (argument, path) => {
			if (typeof argument !== "number")
				throw new Failure(
					"TypeMismatch",
					`Cannot ${verb} with non-numeric argument: {${path}: ${JSON.stringify(argument)}}`,
				);
		},
		apply: (current, argument, { path }) => {
			const by = argument as number;
			if (current !== undefined && typeof current !== "number")
				throw new Failure(
					"TypeMismatch",
					`Cannot apply ${operator} to a value of non-numeric type: the field '${path}' is of type ${typeName(current)}`,
				);
			const result = current === undefined ? whenMissing(by) : run(current, by);
			// Beyond 2^53 a double cannot count: an exact error beats an inexact number.
			if (!Number.isFinite(result) || Math.abs(result) > Number.MAX_SAFE_INTEGER)
				refuse(`${operator} of '${path}' beyond the safe integers (2^53 - 1)`);
			return result;
		},
	};
}

const extreme = (wins: (order: number) => boolean): Modifier => ({
	check: anything,
	apply: (current, argument) => (current === undefined || wins(compareValues(argument, current)) ? argument : current),
});

type Each = { items: Value[]; slice?: number; position?: number };

function eachOf(operator: string, argument: Value, clauses: readonly string[]): Each {
	if (!isFields(argument) || !Object.hasOwn(argument, "$each")) {
		if (isOperatorDocument(argument)) refuse(`The argument ${JSON.stringify(Object.keys(argument))} of ${operator}`);
		return { items: [argument] };
	}
	const { $each, $slice, $position, ...rest } = argument;
	const unknown = Object.keys(argument).find((name) => name !== "$each" && !clauses.includes(name));
	if (unknown !== undefined || Object.keys(rest).length > 0) refuse(`The clause ${unknown} in ${operator}`);
	if (!Array.isArray($each)) throw new Failure("BadValue", `The argument to $each in ${operator} must be an array`);
	const each: Each = { items: $each };
	for (const [name, value] of Object.entries({ slice: $slice, position: $position })) {
		if (value === undefined) continue;
		if (!Number.isInteger(value)) throw new Failure("BadValue", `The value for $${name} must be an integer`);
		each[name as "slice" | "position"] = value as number;
	}
	return each;
}

function arrayAt(current: Value | undefined, path: string, operator: string): Value[] {
	if (current === undefined) return [];
	if (Array.isArray(current)) return current;
	throw new Failure(
		"BadValue",
		`${operator}: the field '${path}' must be an array but is of type ${typeName(current)}`,
	);
}

const pushClauses = ["$slice", "$position"] as const;

function push(current: Value | undefined, argument: Value, { path }: Target): Value {
	const { items, slice, position } = eachOf("$push", argument, pushClauses);
	const array = [...arrayAt(current, path, "$push")];
	array.splice(position ?? array.length, 0, ...items);
	if (slice === undefined) return array;
	return slice >= 0 ? array.slice(0, slice) : array.slice(slice);
}

function addToSet(current: Value | undefined, argument: Value, { path }: Target): Value {
	const array = [...arrayAt(current, path, "$addToSet")];
	for (const item of eachOf("$addToSet", argument, []).items)
		if (!array.some((member) => equalValues(member, item))) array.push(item);
	return array;
}

/** What `$pull` removes: members equal to a value, or matching operators or, for documents, a filter. */
function pulled(argument: Value): (member: Value) => boolean {
	if (!isFields(argument)) return (member) => equalValues(member, argument);
	return compileElementTest(argument, (filter) => compileFilter(filter).test);
}

export const modifiers: Record<string, Modifier> = {
	$set: { check: anything, apply: (_current, argument) => argument },
	$setOnInsert: { check: anything, apply: (_current, argument) => argument },
	$unset: { check: anything, apply: () => undefined },
	$inc: arithmetic(
		"$inc",
		"increment",
		(by) => by,
		(a, b) => a + b,
	),
	$mul: arithmetic(
		"$mul",
		"multiply",
		() => 0,
		(a, b) => a * b,
	),
	$min: extreme((order) => order < 0),
	$max: extreme((order) => order > 0),
	$push: { check: (argument) => eachOf("$push", argument, pushClauses), apply: push },
	$addToSet: { check: (argument) => eachOf("$addToSet", argument, []), apply: addToSet },
	$pull: {
		check: pulled,
		apply: (current, argument, { path }) => {
			if (current === undefined) return undefined;
			if (!Array.isArray(current)) throw new Failure("BadValue", `Cannot apply $pull to the non-array field '${path}'`);
			const gone = pulled(argument);
			return current.filter((member) => !gone(member));
		},
	},
	$currentDate: {
		check: (argument) => {
			const isDate = isFields(argument) && argument.$type === "date" && Object.keys(argument).length === 1;
			if (typeof argument !== "boolean" && !isDate) refuse("$currentDate with other than true or {$type: 'date'}");
		},
		apply: (_current, _argument, { now }) => now(),
	},
};
