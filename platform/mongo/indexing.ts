import type { Document } from "bson";
import { Failure, refuse } from "./failure.ts";
import { compileFilter, type Filter } from "./filter.ts";
import { descending } from "./order.ts";
import { isArrayPosition, splitPath } from "./path.ts";
import { keysAt, type SortField } from "./sort.ts";
import { type Fields, isFields, numberOf, plain, plainFields } from "./value.ts";

/** An index definition in MongoDB's words, as `listIndexes` shows it and as it is stored. */
export type IndexSpec = {
	v: 2;
	key: Record<string, 1 | -1>;
	name: string;
	unique?: true;
	partialFilterExpression?: Fields;
};

export type Index = {
	id: number;
	spec: IndexSpec;
	fields: SortField[];
	partial: Filter | undefined;
	multikey: boolean;
};

export const idIndexSpec: IndexSpec = { v: 2, key: { _id: 1 }, name: "_id_" };
export const isUnique = (spec: IndexSpec) => spec.unique === true || spec.name === idIndexSpec.name;

const maxIndexFields = 32;
/** Options that mean nothing here or say what is so anyway, with the values that do. */
const harmless: Record<string, readonly unknown[]> = {
	v: [2],
	background: [true, false],
	hidden: [false],
	sparse: [false],
	unique: [true, false],
};

function parseKey(argument: unknown): Record<string, 1 | -1> {
	if (!isFields(argument) || Object.keys(argument).length === 0)
		throw new Failure("CannotCreateIndex", "Index keys cannot be empty");
	const entries = Object.entries(argument).map(([path, value]) => {
		const direction = numberOf(value);
		if (direction !== 1 && direction !== -1)
			refuse(`An index on '${path}' of a kind other than 1 or -1`, "CannotCreateIndex");
		if (splitPath(path).some(isArrayPosition)) refuse(`An index on the array position '${path}'`, "CannotCreateIndex");
		return [path, direction] as const;
	});
	if (entries.length > maxIndexFields)
		throw new Failure("CannotCreateIndex", `An index may have ${maxIndexFields} fields`);
	return Object.fromEntries(entries);
}

/**
 * Reads one index definition of a `createIndexes` command.
 * @throws Failure 67 CannotCreateIndex for index kinds and options outside the subset (TTL, sparse, collation, text, …)
 */
export function parseIndexSpec(argument: unknown): IndexSpec {
	if (!isFields(argument)) throw new Failure("TypeMismatch", "Each index must be a document");
	const { key: keyArgument, name, partialFilterExpression, ...options } = argument as Document;
	const key = parseKey(keyArgument);
	if (typeof name !== "string" || name === "")
		throw new Failure("FailedToParse", "The 'name' of an index is a required string");
	for (const [option, value] of Object.entries(options)) {
		const values = Object.hasOwn(harmless, option) ? harmless[option] : undefined;
		const given = numberOf(value) ?? value;
		if (!values?.includes(given))
			refuse(`The index option ${option}: ${JSON.stringify(plain(value))}`, "CannotCreateIndex");
	}
	if (name === idIndexSpec.name || Object.keys(key).join() === "_id") {
		if (name !== idIndexSpec.name || key._id !== 1 || Object.keys(key).length > 1 || partialFilterExpression)
			throw new Failure("CannotCreateIndex", "The index on _id exists as {_id: 1} named _id_ and cannot be another");
		return idIndexSpec;
	}
	const spec: IndexSpec = { v: 2, key, name };
	if (options.unique === true) spec.unique = true;
	if (partialFilterExpression === undefined) return spec;
	spec.partialFilterExpression = plainFields(partialFilterExpression, "partialFilterExpression");
	compilePartial(spec.partialFilterExpression);
	return spec;
}

function compilePartial(expression: Fields): Filter {
	const filter = compileFilter(expression);
	if (!filter.complete || filter.constraints.length === 0)
		refuse(
			"A partialFilterExpression of other than $eq, $in, $gt, $gte, $lt, $lte and $exists: true",
			"CannotCreateIndex",
		);
	return filter;
}

export function openIndex(id: number, spec: IndexSpec, multikey: boolean): Index {
	const fields = Object.entries(spec.key).map(([path, direction]) => ({ path, parts: splitPath(path), direction }));
	const partial = spec.partialFilterExpression && compilePartial(spec.partialFilterExpression);
	return { id, spec, fields, partial, multikey };
}

/**
 * The keys under which an index holds a document: none outside a partial filter, several for an array.
 * @throws Failure CannotIndexParallelArrays when two fields are arrays
 */
export function keysOf(index: Index, document: Fields): { keys: Buffer[]; multikey: boolean } {
	if (index.partial && !index.partial.test(document)) return { keys: [], multikey: false };
	const perField = index.fields.map(({ parts }) => keysAt(document, parts));
	const arrays = perField.filter(({ fromArray }) => fromArray).length;
	if (arrays > 1)
		throw new Failure("CannotIndexParallelArrays", `cannot index parallel arrays in the index ${index.spec.name}`);
	let keys: Buffer[] = [Buffer.alloc(0)];
	perField.forEach((field, i) => {
		const encoded = index.fields[i]?.direction === -1 ? field.keys.map(descending) : field.keys;
		keys = keys.flatMap((key) => encoded.map((part) => Buffer.concat([key, part])));
	});
	const distinct = new Map(keys.map((key) => [key.toString("latin1"), key]));
	return { keys: [...distinct.values()], multikey: arrays > 0 };
}
