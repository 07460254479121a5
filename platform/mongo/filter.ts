import { BSONRegExp } from "bson";
import { Failure, refuse } from "./failure.ts";
import { leavesAt, splitPath } from "./path.ts";
import {
	type CompileDocumentTest,
	compileOperator,
	compileOperators,
	equals,
	type FieldTest,
	isOperatorDocument,
	isRangeOperator,
	type RangeOperator,
} from "./predicate.ts";
import { type Fields, isFields, plainFields, type Value } from "./value.ts";

/** What a filter demands of one path whatever else it says; the planner turns these into index bounds. */
export type Constraint = { path: string; test: FieldTest } & (
	| { kind: "points"; values: Value[] }
	| { kind: "range"; operator: RangeOperator; value: Value }
	| { kind: "exists" }
);

export type Filter = {
	test: (document: Value) => boolean;
	/** Each holds for every matching document. */
	constraints: Constraint[];
	/** True when the constraints are the whole filter. */
	complete: boolean;
};

const knownButRefused = ["$expr", "$where", "$text", "$jsonSchema"];

const compileTest: CompileDocumentTest = (filter) => compileFields(filter).test;

function constraintOf(path: string, operator: string, operand: Value, test: FieldTest): Constraint | undefined {
	const points = (values: Value[]): Constraint | undefined =>
		values.some(Array.isArray) ? undefined : { path, test, kind: "points", values };
	if (operator === "$eq") return points([operand]);
	if (operator === "$in") return points(operand as Value[]);
	if (operator === "$exists" && operand) return { path, test, kind: "exists" };
	if (!isRangeOperator(operator)) return undefined;
	if (operand !== null) return { path, test, kind: "range", operator, value: operand };
	return operator === "$gte" || operator === "$lte" ? points([null]) : undefined;
}

function compileField(path: string, condition: Value): Filter {
	const parts = splitPath(path);
	const constraints: Constraint[] = [];
	let test: FieldTest;
	let complete = true;
	if (isOperatorDocument(condition)) {
		test = compileOperators(condition, compileTest);
		for (const [operator, operand] of Object.entries(condition)) {
			const one = compileOperator(operator, operand, compileTest, condition);
			const constraint = constraintOf(path, operator, operand, one);
			if (constraint) constraints.push(constraint);
			else complete = false;
		}
	} else if (condition instanceof BSONRegExp) {
		test = compileOperator("$regex", condition, compileTest, {});
		complete = false;
	} else {
		test = equals(condition);
		const constraint = constraintOf(path, "$eq", condition, test);
		if (constraint) constraints.push(constraint);
		else complete = false;
	}
	return { test: (document) => test(leavesAt(document, parts)), constraints, complete };
}

function branches(operator: string, operand: Value): Filter[] {
	if (!Array.isArray(operand) || operand.length === 0)
		throw new Failure("BadValue", `${operator} must be a nonempty array`);
	return operand.map((branch) => {
		if (!isFields(branch)) throw new Failure("BadValue", `${operator} entries need to be full objects`);
		return compileFields(branch);
	});
}

function compileTopLevel(name: string, operand: Value): Filter {
	switch (name) {
		case "$comment":
			return { test: () => true, constraints: [], complete: true };
		case "$and": {
			const all = branches(name, operand);
			return conjunction(all);
		}
		case "$or": {
			const any = branches(name, operand);
			return { test: (document) => any.some(({ test }) => test(document)), constraints: [], complete: false };
		}
		case "$nor": {
			const none = branches(name, operand);
			return { test: (document) => !none.some(({ test }) => test(document)), constraints: [], complete: false };
		}
		default:
			if (knownButRefused.includes(name)) refuse(`The operator ${name}`);
			throw new Failure("BadValue", `unknown top level operator: ${name}`);
	}
}

function conjunction(all: Filter[]): Filter {
	return {
		test: (document) => all.every(({ test }) => test(document)),
		constraints: all.flatMap(({ constraints }) => constraints),
		complete: all.every(({ complete }) => complete),
	};
}

function compileFields(filter: Fields): Filter {
	return conjunction(
		Object.entries(filter).map(([name, condition]) =>
			name.startsWith("$") ? compileTopLevel(name, condition) : compileField(name, condition),
		),
	);
}

/**
 * Compiles a filter from a request. The compiler is the allow-list: what it does not know it refuses, so nothing can
 * be checked one way and run another.
 * @throws Failure with MongoDB's code (2 BadValue for an operator outside the subset)
 */
export const compileFilter = (filter: unknown): Filter =>
	compileFields(plainFields(filter ?? {}, "the filter", { regex: true }));
