import { BSONRegExp } from "bson";
import { Failure, refuse } from "./failure.ts";
import { compareValues, encodeValue, equalValues, typeByte, typeName } from "./order.ts";
import type { Leaf } from "./path.ts";
import { compilePattern } from "./pattern.ts";
import { isFields, type Value } from "./value.ts";

/** Decides over everything a path leads to in one document. */
export type FieldTest = (leaves: readonly Leaf[]) => boolean;

export const isOperatorDocument = (value: unknown): value is Record<string, Value> =>
	isFields(value) && (Object.keys(value)[0] ?? "").startsWith("$");

const anyLeaf = (test: (value: Value | undefined) => boolean): FieldTest => {
	return (leaves) => leaves.some((leaf) => test(leaf.value));
};
const wholeLeaf = (test: (value: Value | undefined) => boolean): FieldTest => {
	return (leaves) => leaves.some((leaf) => !leaf.element && test(leaf.value));
};
const not = (test: FieldTest): FieldTest => {
	return (leaves) => !test(leaves);
};

/** Equality as MongoDB has it: null also equals a missing field, documents compare with their field order. */
export function equals(operand: Value): FieldTest {
	encodeValue(operand); // refuses what has no order
	return anyLeaf((value) => equalValues(value, operand));
}

const directions = {
	$gt: (order: number) => order > 0,
	$gte: (order: number) => order >= 0,
	$lt: (order: number) => order < 0,
	$lte: (order: number) => order <= 0,
} as const;
export type RangeOperator = keyof typeof directions;
export const isRangeOperator = (name: string): name is RangeOperator => Object.hasOwn(directions, name);

/** Ranges stay inside one type: `{$lt: 5}` never matches a string, nor NaN. */
function inRange(operator: RangeOperator, operand: Value): FieldTest {
	if (Array.isArray(operand)) refuse(`An array as the operand of ${operator}`);
	if (Number.isNaN(operand)) refuse(`NaN as the operand of ${operator}`);
	if (operand === null) return operator === "$gte" || operator === "$lte" ? equals(null) : () => false;
	encodeValue(operand);
	const type = typeName(operand);
	const accepts = directions[operator];
	return anyLeaf(
		(value) =>
			value !== undefined && !Number.isNaN(value) && typeName(value) === type && accepts(compareValues(value, operand)),
	);
}

function listOf(operator: string, operand: Value): Value[] {
	if (!Array.isArray(operand)) throw new Failure("BadValue", `${operator} needs an array`);
	if (operand.some(isOperatorDocument)) throw new Failure("BadValue", `cannot nest $ under ${operator}`);
	if (operand.some((item) => item instanceof BSONRegExp)) refuse(`A regular expression in ${operator}`);
	return operand;
}

/** BSON type numbers of the kinds the store can tell apart; int, long, double and decimal are one kind here. */
const typeNumbers: Record<number, string> = {
	2: "string",
	3: "object",
	4: "array",
	5: "binData",
	7: "objectId",
	8: "bool",
	9: "date",
	10: "null",
};

function isType(operand: Value): FieldTest {
	const wanted = (Array.isArray(operand) ? operand : [operand]).map((item) => {
		const name = typeof item === "number" ? typeNumbers[item] : item;
		if (typeof name === "string" && Object.hasOwn(typeByte, name) && name !== "emptyArray") return name;
		return refuse(`The $type ${JSON.stringify(item)}`);
	});
	if (wanted.length === 0) throw new Failure("FailedToParse", "$type must match at least one type");
	return anyLeaf((value) => value !== undefined && wanted.includes(typeName(value)));
}

function matchesPattern(operand: Value, options: Value | undefined): FieldTest {
	if (options !== undefined && typeof options !== "string")
		throw new Failure("BadValue", "$options has to be a string");
	if (operand instanceof BSONRegExp && options !== undefined) refuse("$options beside a regular expression literal");
	if (!(operand instanceof BSONRegExp) && typeof operand !== "string")
		throw new Failure("BadValue", "$regex has to be a string");
	const pattern = compilePattern(typeof operand === "string" ? { pattern: operand, options: options ?? "" } : operand);
	return anyLeaf((value) => typeof value === "string" && pattern.test(value));
}

/** One operator with its operand, e.g. `$gt` and `5`. `compile` is for the operators that hold a filter. */
export type CompileDocumentTest = (filter: Record<string, Value>) => (document: Value) => boolean;

export function compileOperator(name: string, operand: Value, compile: CompileDocumentTest, all: Value): FieldTest {
	if (isRangeOperator(name)) return inRange(name, operand);
	switch (name) {
		case "$eq":
			return equals(operand);
		case "$ne":
			return not(equals(operand));
		case "$in":
		case "$nin": {
			const tests = listOf(name, operand).map(equals);
			const test: FieldTest = (leaves) => tests.some((one) => one(leaves));
			return name === "$in" ? test : not(test);
		}
		case "$all": {
			const tests = listOf(name, operand).map(equals);
			return (leaves) => tests.length > 0 && tests.every((one) => one(leaves));
		}
		case "$exists": {
			if (typeof operand !== "boolean" && typeof operand !== "number") refuse("$exists with other than true or false");
			const exists = wholeLeaf((value) => value !== undefined);
			return operand ? exists : not(exists);
		}
		case "$type":
			return isType(operand);
		case "$size":
			if (!Number.isInteger(operand) || (operand as number) < 0)
				throw new Failure("BadValue", "$size needs a non-negative integer");
			return wholeLeaf((value) => Array.isArray(value) && value.length === operand);
		case "$regex":
			return matchesPattern(operand, (all as Record<string, Value>).$options);
		case "$options":
			if (!Object.hasOwn(all as object, "$regex")) throw new Failure("BadValue", "$options needs a $regex");
			return () => true; // read with its $regex
		case "$not":
			if (operand instanceof BSONRegExp) return not(matchesPattern(operand, undefined));
			if (!isOperatorDocument(operand)) throw new Failure("BadValue", "$not needs a regex or a document");
			return not(compileOperators(operand, compile));
		case "$elemMatch": {
			if (!isFields(operand)) throw new Failure("BadValue", "$elemMatch needs an Object");
			const test = compileElementTest(operand, compile);
			return wholeLeaf((value) => Array.isArray(value) && value.some(test));
		}
		default:
			throw new Failure("BadValue", `unknown operator: ${name}`);
	}
}

/** A test of one array member: operators apply to the member itself, anything else is a filter on a document. */
export function compileElementTest(
	operand: Record<string, Value>,
	compile: CompileDocumentTest,
): (v: Value) => boolean {
	const first = Object.keys(operand)[0] ?? "";
	if (first.startsWith("$") && !["$and", "$or", "$nor"].includes(first)) {
		const test = compileOperators(operand, compile);
		return (value) => test([{ value, element: false }]);
	}
	const test = compile(operand);
	return (value) => isFields(value) && test(value);
}

/** All operators of one operator document, which must all hold. */
export function compileOperators(operators: Record<string, Value>, compile: CompileDocumentTest): FieldTest {
	const tests = Object.entries(operators).map(([name, operand]) => compileOperator(name, operand, compile, operators));
	return (leaves) => tests.every((test) => test(leaves));
}
