import { type Document, ObjectId } from "bson";
import { checkShape, flag, type Shape, statements } from "../arguments.ts";
import type { Collection } from "../catalog.ts";
import { type Command, namespaceOf, noCollection, type Request } from "../command.ts";
import { insertDocument, removeDocument, replaceDocument } from "../documents.ts";
import { Failure } from "../failure.ts";
import { compileFilter } from "../filter.ts";
import { type Found, findDocuments } from "../reader.ts";
import { seedOf } from "../seed.ts";
import { parseSort } from "../sort.ts";
import { applyUpdate, applyUpsert, checkFieldNames, checkId, parseUpdate, withId } from "../update.ts";
import { numberOf, plainFields } from "../value.ts";

const neutral = { bypassDocumentValidation: [true, false] };

/** Runs statements one by one. A refused one becomes a write error; with `ordered` (the default) the rest waits. */
function eachStatement(
	body: Document,
	all: readonly Document[],
	run: (statement: Document, index: number) => void,
): Document {
	const ordered = body.ordered === undefined || flag(body, "ordered");
	const writeErrors: Document[] = [];
	for (const [index, statement] of all.entries()) {
		try {
			run(statement, index);
		} catch (error) {
			if (!(error instanceof Failure) || error.codeName === "MaxTimeMSExpired") throw error;
			writeErrors.push({ index, code: error.code, ...error.details, errmsg: error.message });
			if (ordered) break;
		}
	}
	return writeErrors.length > 0 ? { writeErrors } : {};
}

export const insert: Command = {
	name: "insert",
	fields: ["insert", "documents", "ordered"],
	neutral,
	run(request) {
		const { body, catalog, db } = request;
		const { name } = namespaceOf(request, "insert");
		const all = statements(body, "documents");
		const collection = catalog.open(db, name);
		let n = 0;
		const errors = eachStatement(body, all, (statement) => {
			const document = plainFields(statement, "a document to insert");
			checkFieldNames(document);
			checkId(document._id);
			insertDocument(request, collection, withId(document._id ?? idOf(document), document));
			n++;
		});
		return { n, ...errors };
	},
};

/** A given null is an `_id` like any other; only a missing one is made here. */
const idOf = (document: object) => (Object.hasOwn(document, "_id") ? null : new ObjectId());

const updateStatement: Shape = {
	name: "update.updates",
	fields: ["q", "u", "multi", "upsert"],
	refused: ["arrayFilters", "collation", "hint", "c", "sort", "let"],
};

/** Finds what one write statement is about. Consumed as a whole before the first write. */
export function targets(
	request: Request,
	collection: Collection | undefined,
	filter: unknown,
	sort: unknown,
	limit: number,
): Found[] {
	const query = { filter: compileFilter(filter), sort: parseSort(sort), skip: 0, limit };
	return [...findDocuments(request.store, collection ?? noCollection, query, request.checkTime)];
}

export const update: Command = {
	name: "update",
	fields: ["update", "updates", "ordered"],
	neutral,
	refused: ["let"],
	run(request) {
		const { body, catalog, db, now } = request;
		const { name } = namespaceOf(request, "update");
		const all = statements(body, "updates");
		for (const statement of all) checkShape(statement, updateStatement);
		const collection = catalog.find(db, name);
		let [n, nModified] = [0, 0];
		const upserted: Document[] = [];
		const errors = eachStatement(body, all, ({ q, u, ...options }, index) => {
			const change = parseUpdate(u);
			const multi = flag(options, "multi");
			if (multi && "replacement" in change)
				throw new Failure("FailedToParse", "multi update is not supported for replacement-style update");
			const found = targets(request, collection, q, undefined, multi ? 0 : 1);
			if (found.length === 0 && flag(options, "upsert")) {
				const document = applyUpsert(seedOf(q), change, now);
				insertDocument(request, catalog.open(db, name), document);
				upserted.push({ index, _id: document._id });
				n++;
			}
			for (const one of found) {
				const after = applyUpdate(one.document, change, now);
				const changed = collection && replaceDocument(request, collection, one, after);
				n++;
				if (changed) nModified++;
			}
		});
		return { n, nModified, ...(upserted.length > 0 ? { upserted } : {}), ...errors };
	},
};

const deleteStatement: Shape = { name: "delete.deletes", fields: ["q", "limit"], refused: ["collation", "hint"] };

export const remove: Command = {
	name: "delete",
	fields: ["delete", "deletes", "ordered"],
	neutral,
	refused: ["let"],
	run(request) {
		const { body, catalog, db } = request;
		const { name } = namespaceOf(request, "delete");
		const all = statements(body, "deletes");
		for (const statement of all) checkShape(statement, deleteStatement);
		const collection = catalog.find(db, name);
		let n = 0;
		const errors = eachStatement(body, all, ({ q, limit: limitArgument }) => {
			const limit = numberOf(limitArgument);
			if (limit !== 0 && limit !== 1) throw new Failure("FailedToParse", "The limit of a delete must be 0 or 1");
			for (const one of targets(request, collection, q, undefined, limit)) {
				if (collection) removeDocument(request, collection, one);
				n++;
			}
		});
		return { n, ...errors };
	},
};
