import { compileExpression, type Expression } from "./expression.ts";
import { Failure, refuse } from "./failure.ts";
import { compileFilter, type Filter } from "./filter.ts";
import { compileGroup } from "./group.ts";
import { splitPath } from "./path.ts";
import { compileProjection, projectionFlag } from "./projection.ts";
import { parseSort, sortKey } from "./sort.ts";
import { type Fields, isFields, plain, type Value } from "./value.ts";

type Stage = (input: Iterable<Fields>) => Iterable<Fields>;
/** `source` is what the collection itself can answer (with indexes); `rest` works on what comes out of it. */
export type Pipeline = { source: { filter: Filter; sort: ReturnType<typeof parseSort>; limit: number }; rest: Stage };

const each = (change: (document: Fields) => Fields): Stage =>
	function* (input) {
		for (const document of input) yield change(document);
	};

function wholeNumber(stage: string, argument: Value, least: number): number {
	if (typeof argument === "number" && Number.isInteger(argument) && argument >= least) return argument;
	const code = stage === "$limit" && argument === 0 ? "LimitNotPositive" : "BadValue";
	throw new Failure(code, `The argument of ${stage} must be an integer of at least ${least}`);
}

function sortStage(argument: Value): Stage {
	const sort = parseSort(argument);
	if (sort.length === 0) throw new Failure("BadValue", "$sort stage must have at least one sort key");
	return function* (input) {
		const keyed = [...input].map((document) => ({ document, key: sortKey(document, sort) }));
		for (const { document } of keyed.sort((a, b) => Buffer.compare(a.key, b.key))) yield document;
	};
}

function limitStage(limit: number): Stage {
	return function* (input) {
		let left = limit;
		for (const document of input) {
			yield document;
			if (--left === 0) return;
		}
	};
}

function skipStage(skip: number): Stage {
	return function* (input) {
		let left = skip;
		for (const document of input) if (left-- <= 0) yield document;
	};
}

function countStage(name: Value): Stage {
	if (typeof name !== "string" || name === "" || name.startsWith("$") || name.includes("."))
		throw new Failure(
			"BadValue",
			"the count field must be a non-empty string without '$' at its start and without '.'",
		);
	return function* (input) {
		let n = 0;
		for (const _ of input) n++;
		if (n > 0) yield { [name]: n };
	};
}

/** Top-level names only, and no bare document as a value: MongoDB would merge that one into what is there. */
function computedField(stage: string, name: string, value: Value): [string, Expression] {
	if (name.includes(".")) refuse(`The dotted name '${name}' in ${stage}`);
	if (name.startsWith("$")) throw new Failure("BadValue", `The field '${name}' in ${stage} may not start with '$'`);
	if (isFields(value) && !(Object.keys(value)[0] ?? "").startsWith("$"))
		refuse(`A nested document for '${name}' in ${stage}`);
	return [name, compileExpression(value)];
}

function withFields(base: Fields, source: Fields, computed: [string, Expression][]): Fields {
	const result = { ...base };
	for (const [name, compute] of computed) {
		const value = compute(source);
		if (value === undefined) delete result[name];
		else result[name] = value;
	}
	return result;
}

function addFieldsStage(stage: string, argument: Value): Stage {
	if (!isFields(argument) || Object.keys(argument).length === 0)
		throw new Failure("BadValue", `${stage} specification must be a non-empty object`);
	const computed = Object.entries(argument).map(([name, value]) => computedField(stage, name, value));
	return each((document) => withFields(document, document, computed));
}

function projectStage(argument: Value): Stage {
	if (!isFields(argument) || Object.keys(argument).length === 0)
		throw new Failure("BadValue", "$project specification must be a non-empty object");
	const flags = Object.entries(argument).filter(([, value]) => projectionFlag(value) !== undefined);
	const computed = Object.entries(argument)
		.filter(([, value]) => projectionFlag(value) === undefined)
		.map(([name, value]) => computedField("$project", name, value));
	if (computed.length === 0) return each(compileProjection(argument) ?? ((document) => document));
	const excluded = flags.find(([name, value]) => name !== "_id" && !projectionFlag(value));
	if (excluded)
		throw new Failure("ExclusionInInclusion", `Cannot do exclusion on field ${excluded[0]} in inclusion projection`);
	const computedId = computed.some(([name]) => name === "_id");
	const keepsId = !computedId && projectionFlag(argument._id ?? true);
	const included = flags.filter(([name]) => name !== "_id");
	const base = compileProjection({ ...Object.fromEntries(included), ...(keepsId ? { _id: 1 } : {}) });
	const keep = included.length > 0 || keepsId ? base : undefined;
	return each((document) => {
		const kept = keep ? keep(document) : {};
		if (!keepsId) delete kept._id;
		return withFields(computedId ? { _id: null, ...kept } : kept, document, computed);
	});
}

function unwindStage(argument: Value): Stage {
	const { path, preserveNullAndEmptyArrays = false, ...others } = isFields(argument) ? argument : { path: argument };
	if (Object.keys(others).length > 0) refuse(`The option ${Object.keys(others)[0]} of $unwind`);
	if (typeof preserveNullAndEmptyArrays !== "boolean")
		throw new Failure("BadValue", "preserveNullAndEmptyArrays must be a boolean");
	if (typeof path !== "string" || !path.startsWith("$"))
		throw new Failure("BadValue", "The path of $unwind must be a string that starts with '$'");
	const parts = splitPath(path.slice(1));
	return function* (input) {
		for (const document of input) {
			const value = parts.reduce<Value | undefined>((at, part) => (isFields(at) ? at[part] : undefined), document);
			if (Array.isArray(value) && value.length > 0) for (const item of value) yield replaced(document, parts, item);
			else if (!Array.isArray(value) && value !== undefined && value !== null) yield document;
			else if (preserveNullAndEmptyArrays) yield Array.isArray(value) ? replaced(document, parts, undefined) : document;
		}
	};
}

/** A copy with another value at a path of documents; undefined removes it. */
function replaced(document: Fields, [part, ...rest]: string[], value: Value | undefined): Fields {
	const copy = { ...document };
	const name = part as string;
	if (rest.length > 0) copy[name] = replaced(copy[name] as Fields, rest, value);
	else if (value === undefined) delete copy[name];
	else copy[name] = value;
	return copy;
}

const stages: Record<string, (argument: Value) => Stage> = {
	$match: (argument) => {
		const { test } = compileFilter(argument);
		return function* (input) {
			for (const document of input) if (test(document)) yield document;
		};
	},
	$group: compileGroup,
	$sort: sortStage,
	$limit: (argument) => limitStage(wholeNumber("$limit", argument, 1)),
	$skip: (argument) => skipStage(wholeNumber("$skip", argument, 0)),
	$count: countStage,
	$project: projectStage,
	$unwind: unwindStage,
	$addFields: (argument) => addFieldsStage("$addFields", argument),
	$set: (argument) => addFieldsStage("$set", argument),
};

function stageOf(argument: unknown): [string, Value] {
	const entries = isFields(argument) ? Object.entries(argument) : [];
	const [name, value] = entries[0] ?? [];
	if (entries.length !== 1 || name === undefined)
		throw new Failure("InvalidPipelineStage", "A pipeline stage specification object must contain exactly one field.");
	if (!Object.hasOwn(stages, name))
		throw new Failure("InvalidPipelineStage", `Unrecognized pipeline stage name: '${name}'`);
	return [name, plain(value, { regex: name === "$match" })];
}

/**
 * Compiles a pipeline. Leading `$match` and `$sort` become a query that can use indexes.
 * @throws Failure 40324 for a stage outside the subset
 */
export function compilePipeline(argument: unknown): Pipeline {
	if (!Array.isArray(argument)) throw new Failure("TypeMismatch", "A pipeline must be an array");
	const specs = argument.map(stageOf);
	const compiled = specs.map(([name, value]) => (stages[name] as (typeof stages)[string])(value)); // checks all of them
	const matches = specs[0]?.[0] === "$match" ? 1 : 0;
	const sorts = specs[matches]?.[0] === "$sort" ? 1 : 0;
	const limit = specs[matches + sorts];
	const source = {
		filter: compileFilter(matches ? specs[0]?.[1] : {}),
		sort: parseSort(sorts ? specs[matches]?.[1] : {}),
		limit: limit?.[0] === "$limit" ? (limit[1] as number) : 0,
	};
	const rest = compiled.slice(matches + sorts);
	return { source, rest: (input) => rest.reduce((documents, stage) => stage(documents), input) };
}
