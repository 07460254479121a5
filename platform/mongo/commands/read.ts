import type { Document } from "bson";
import { count, cursorId, flag, list } from "../arguments.ts";
import { type Command, firstBatchDocuments, namespaceOf, noCollection } from "../command.ts";
import { Failure, refuse } from "../failure.ts";
import { compileFilter } from "../filter.ts";
import { encodeValue } from "../order.ts";
import { leavesAt, splitPath } from "../path.ts";
import { compilePipeline } from "../pipeline.ts";
import { compileProjection } from "../projection.ts";
import { documentsOf, findDocuments } from "../reader.ts";
import { parseSort } from "../sort.ts";
import { type Fields, isFields, type Value } from "../value.ts";

const never = [false] as const;
const either = [true, false] as const;

export const find: Command = {
	name: "find",
	fields: ["find", "filter", "sort", "projection", "skip", "limit", "batchSize", "singleBatch"],
	neutral: {
		allowDiskUse: either,
		noCursorTimeout: never,
		allowPartialResults: never,
		oplogReplay: never,
		tailable: never,
		awaitData: never,
		returnKey: never,
		showRecordId: never,
	},
	refused: ["hint", "collation", "let", "min", "max"],
	run(request) {
		const { body, store, catalog, cursors, db, checkTime } = request;
		const { name, ns } = namespaceOf(request, "find");
		const project = compileProjection(body.projection);
		const query = {
			filter: compileFilter(body.filter),
			sort: parseSort(body.sort),
			skip: count(body, "skip") ?? 0,
			limit: count(body, "limit") ?? 0,
		};
		const found = findDocuments(store, catalog.find(db, name) ?? noCollection, query, checkTime);
		const documents = documentsOf(found, project);
		return cursors.first(ns, documents, count(body, "batchSize") ?? firstBatchDocuments, flag(body, "singleBatch"));
	},
};

export const getMore: Command = {
	name: "getMore",
	fields: ["getMore", "collection", "batchSize"],
	run({ body, db, cursors }) {
		const batchSize = count(body, "batchSize") || Number.POSITIVE_INFINITY;
		return cursors.next(cursorId(body.getMore), `${db}.${body.collection}`, batchSize);
	},
};

export const killCursors: Command = {
	name: "killCursors",
	fields: ["killCursors", "cursors"],
	run(request) {
		const { ns } = namespaceOf(request, "killCursors");
		return request.cursors.kill(list(request.body, "cursors").map(cursorId), ns);
	},
};

export const aggregate: Command = {
	name: "aggregate",
	fields: ["aggregate", "pipeline", "cursor"],
	neutral: { allowDiskUse: either, explain: never, bypassDocumentValidation: either },
	refused: ["hint", "collation", "let"],
	run(request) {
		const { body, store, catalog, cursors, db, checkTime } = request;
		if (typeof body.aggregate !== "string") refuse("An aggregate without a collection");
		const { name, ns } = namespaceOf(request, "aggregate");
		if (!isFields(body.cursor)) throw new Failure("FailedToParse", "The 'cursor' option is required");
		const batchSize = count(body.cursor, "batchSize") ?? firstBatchDocuments;
		const other = Object.keys(body.cursor).find((field) => field !== "batchSize");
		if (other) refuse(`The cursor option '${other}'`);
		const { source, rest } = compilePipeline(body.pipeline);
		const query = { ...source, skip: 0 };
		const found = findDocuments(store, catalog.find(db, name) ?? noCollection, query, checkTime);
		const results = rest(documentsOf(found));
		return cursors.first(ns, results[Symbol.iterator](), batchSize);
	},
};

export const countDocuments: Command = {
	name: "count",
	fields: ["count", "query", "limit", "skip", "fields"],
	refused: ["hint", "collation"],
	run(request) {
		const { body, store, catalog, db, checkTime } = request;
		const { name } = namespaceOf(request, "count");
		const collection = catalog.find(db, name);
		const query = {
			filter: compileFilter(body.query),
			sort: [],
			skip: count(body, "skip") ?? 0,
			limit: count(body, "limit") ?? 0,
		};
		if (!collection) return { n: 0 };
		const unbounded = query.skip === 0 && query.limit === 0;
		if (unbounded && Object.keys((body.query as object | undefined) ?? {}).length === 0)
			return { n: store.count(collection.id) };
		let n = 0;
		for (const _ of findDocuments(store, collection, query, checkTime)) n++;
		return { n };
	},
};

export const distinct: Command = {
	name: "distinct",
	fields: ["distinct", "key", "query"],
	refused: ["hint", "collation"],
	run(request): Document {
		const { body, store, catalog, db, checkTime } = request;
		const { name } = namespaceOf(request, "distinct");
		if (typeof body.key !== "string") throw new Failure("TypeMismatch", "The field 'key' must be a string");
		const parts = splitPath(body.key);
		const query = { filter: compileFilter(body.query), sort: [], skip: 0, limit: 0 };
		const values = new Map<string, Value>();
		for (const { document } of findDocuments(store, catalog.find(db, name) ?? noCollection, query, checkTime))
			for (const value of distinctIn(document, parts)) {
				const key = encodeValue(value).toString("latin1");
				if (!values.has(key)) values.set(key, value);
			}
		return { values: [...values.values()] };
	},
};

function distinctIn(document: Fields, parts: readonly string[]): Value[] {
	return leavesAt(document, parts).flatMap(({ value, element }) =>
		value === undefined || (Array.isArray(value) && !element) ? [] : [value],
	);
}
