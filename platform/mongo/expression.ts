import { Failure, refuse } from "./failure.ts";
import { compareValues, typeName } from "./order.ts";
import { splitPath } from "./path.ts";
import { type Fields, isFields, type Value } from "./value.ts";

/** Computes a value from a document; undefined is MongoDB's "missing". */
export type Expression = (document: Fields) => Value | undefined;
type Operator = (args: (Value | undefined)[]) => Value | undefined;

export const truthy = (value: Value | undefined) =>
	value !== undefined && value !== null && value !== false && value !== 0;

/** As everywhere, except that missing is less than null. */
function order(a: Value | undefined, b: Value | undefined): number {
	if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined);
	return compareValues(a, b);
}

/** @throws Failure BadValue where a double can no longer count */
export function exact(operator: string, result: number): number {
	if (Number.isInteger(result) && !Number.isSafeInteger(result))
		refuse(`${operator} beyond the safe integers (2^53 - 1)`);
	return result;
}

const isNil = (value: Value | undefined): value is null | undefined => value === null || value === undefined;

function numberIn(operator: string, value: Value | undefined): number {
	if (typeof value === "number") return value;
	throw new Failure("TypeMismatch", `${operator} only supports numeric types, not ${typeName(value)}`);
}

/** Milliseconds since 1970 for a date, so that instants can be added and subtracted. */
const instant = (operator: string, value: Value | undefined) =>
	value instanceof Date ? value.getTime() : numberIn(operator, value);

function arithmetic(operator: string, run: (numbers: number[]) => number): Operator {
	return (args) => (args.some(isNil) ? null : exact(operator, run(args.map((value) => numberIn(operator, value)))));
}

function add(args: (Value | undefined)[]): Value {
	if (args.some(isNil)) return null;
	const dates = args.filter((value) => value instanceof Date).length;
	if (dates > 1) throw new Failure("TypeMismatch", "only one date allowed in an $add expression");
	const sum = exact(
		"$add",
		args.reduce<number>((total, value) => total + instant("$add", value), 0),
	);
	return dates === 1 ? new Date(sum) : sum;
}

function subtract([a, b]: (Value | undefined)[]): Value {
	if (isNil(a) || isNil(b)) return null;
	if (b instanceof Date && !(a instanceof Date))
		throw new Failure("TypeMismatch", "$subtract cannot take a date from a number");
	const difference = exact("$subtract", instant("$subtract", a) - instant("$subtract", b));
	return a instanceof Date && !(b instanceof Date) ? new Date(difference) : difference;
}

function divide([a, b]: number[]): number {
	if (b === 0) throw new Failure("BadValue", "can't $divide by zero");
	return (a as number) / (b as number);
}

function concat(args: (Value | undefined)[]): Value {
	if (args.some(isNil)) return null;
	if (!args.every((value) => typeof value === "string"))
		throw new Failure("TypeMismatch", "$concat only supports strings");
	return args.join("");
}

function size([value]: (Value | undefined)[]): number {
	if (!Array.isArray(value))
		throw new Failure("TypeMismatch", `The argument to $size must be an array, not ${typeName(value)}`);
	return value.length;
}

function isIn([value, list]: (Value | undefined)[]): boolean {
	if (!Array.isArray(list))
		throw new Failure("TypeMismatch", `$in requires an array as a second argument, not ${typeName(list)}`);
	return list.some((item) => order(item, value) === 0);
}

const compares =
	(test: (order: number) => boolean): Operator =>
	([a, b]) =>
		test(order(a, b));

/** Operators with how many arguments they take. */
const operators: Record<string, { least: number; most: number; run: Operator }> = {
	$eq: { least: 2, most: 2, run: compares((o) => o === 0) },
	$ne: { least: 2, most: 2, run: compares((o) => o !== 0) },
	$gt: { least: 2, most: 2, run: compares((o) => o > 0) },
	$gte: { least: 2, most: 2, run: compares((o) => o >= 0) },
	$lt: { least: 2, most: 2, run: compares((o) => o < 0) },
	$lte: { least: 2, most: 2, run: compares((o) => o <= 0) },
	$and: { least: 0, most: Infinity, run: (args) => args.every(truthy) },
	$or: { least: 0, most: Infinity, run: (args) => args.some(truthy) },
	$not: { least: 1, most: 1, run: ([value]) => !truthy(value) },
	$ifNull: { least: 2, most: Infinity, run: (args) => args.find((value) => !isNil(value)) ?? args.at(-1) },
	$add: { least: 0, most: Infinity, run: add },
	$subtract: { least: 2, most: 2, run: subtract },
	$multiply: { least: 0, most: Infinity, run: arithmetic("$multiply", (n) => n.reduce((a, b) => a * b, 1)) },
	$divide: { least: 2, most: 2, run: arithmetic("$divide", divide) },
	$concat: { least: 0, most: Infinity, run: concat },
	$size: { least: 1, most: 1, run: size },
	$in: { least: 2, most: 2, run: isIn },
};

/** As MongoDB walks a field path in an expression: through arrays by name only, never by position. */
function valueAt(value: Value | undefined, parts: readonly string[], from = 0): Value | undefined {
	if (from === parts.length) return value;
	if (Array.isArray(value)) {
		return value
			.filter((item) => isFields(item) || Array.isArray(item))
			.map((item) => valueAt(item, parts, from))
			.filter((item) => item !== undefined);
	}
	const part = parts[from] as string;
	return isFields(value) && Object.hasOwn(value, part) ? valueAt(value[part], parts, from + 1) : undefined;
}

function compilePath(path: string): Expression {
	if (!path.startsWith("$$")) {
		const parts = splitPath(path.slice(1));
		return (document) => valueAt(document, parts);
	}
	const [variable, ...rest] = path.slice(2).split(".");
	if (variable === "REMOVE" && rest.length === 0) return () => undefined;
	if (variable !== "ROOT") refuse(`The variable $$${variable}`);
	return (document) => valueAt(document, rest);
}

function compileCondition(argument: Value): Expression {
	let branches: (Value | undefined)[];
	if (Array.isArray(argument)) branches = argument;
	else if (isFields(argument) && Object.keys(argument).sort().join() === "else,if,then")
		branches = [argument.if, argument.then, argument.else];
	else throw new Failure("BadValue", "$cond needs an array of three or {if, then, else}");
	if (branches.length !== 3) throw new Failure("BadValue", "Expression $cond takes exactly 3 arguments");
	const [test, then, otherwise] = branches.map((branch) => compileExpression(branch as Value)) as [
		Expression,
		Expression,
		Expression,
	];
	return (document) => (truthy(test(document)) ? then : otherwise)(document);
}

function compileOperator(name: string, argument: Value): Expression {
	if (name === "$literal") return () => argument;
	if (name === "$cond") return compileCondition(argument);
	const operator = Object.hasOwn(operators, name) ? operators[name] : undefined;
	if (!operator) throw new Failure("InvalidPipelineOperator", `Unrecognized expression '${name}'`);
	const args = (Array.isArray(argument) ? argument : [argument]).map(compileExpression);
	if (args.length < operator.least || args.length > operator.most)
		throw new Failure(
			"BadValue",
			`Expression ${name} takes ${operator.least} arguments. ${args.length} were passed in`,
		);
	return (document) => operator.run(args.map((arg) => arg(document)));
}

/**
 * Compiles an aggregation expression of the subset; what it does not know it refuses.
 * @throws Failure 168 for an unknown operator, 2 for a bad argument
 */
export function compileExpression(expression: Value): Expression {
	if (typeof expression === "string" && expression.startsWith("$")) return compilePath(expression);
	if (Array.isArray(expression)) {
		const items = expression.map(compileExpression);
		return (document) => items.map((item) => item(document) ?? null);
	}
	if (!isFields(expression)) return () => expression;
	const entries = Object.entries(expression);
	const operator = entries.find(([name]) => name.startsWith("$"));
	if (operator) {
		if (entries.length > 1)
			throw new Failure("BadValue", "An object representing an expression must have exactly one field");
		return compileOperator(...operator);
	}
	const fields = entries.map(([name, value]) => {
		if (name.includes("."))
			throw new Failure("BadValue", `The field name '${name}' in an expression may not contain '.'`);
		return [name, compileExpression(value)] as const;
	});
	return (document) => {
		const result: Fields = {};
		for (const [name, compute] of fields) {
			const value = compute(document);
			if (value !== undefined) result[name] = value;
		}
		return result;
	};
}
