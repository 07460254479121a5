import { flag } from "../arguments.ts";
import { type Command, namespaceOf, type Request } from "../command.ts";
import { insertDocument, removeDocument, replaceDocument } from "../documents.ts";
import { Failure } from "../failure.ts";
import { compileProjection } from "../projection.ts";
import { seedOf } from "../seed.ts";
import { applyUpdate, applyUpsert, parseUpdate } from "../update.ts";
import type { Fields } from "../value.ts";
import { targets } from "./write.ts";

/**
 * Find one document by filter and sort, change it, and reply with it before or after: one step that nothing can come
 * between, since all requests run one after the other.
 */
export const findAndModify: Command = {
	name: "findAndModify",
	fields: ["findAndModify", "findandmodify", "query", "sort", "remove", "update", "new", "upsert", "fields"],
	neutral: { bypassDocumentValidation: [true, false] },
	refused: ["arrayFilters", "collation", "hint", "let"],
	run(request) {
		const { body } = request;
		const { name } = namespaceOf(request, Object.keys(body)[0] as string);
		const removes = flag(body, "remove");
		if (removes === (body.update !== undefined))
			throw new Failure("FailedToParse", "findAndModify needs either an update or remove: true");
		if (removes && (flag(body, "new") || flag(body, "upsert")))
			throw new Failure("FailedToParse", "findAndModify cannot have remove: true with new or upsert");
		const project = compileProjection(body.fields) ?? ((document: Fields) => document);
		const shown = (document: Fields | undefined) => (document ? project(document) : null);
		return removes ? removeOne(request, name, shown) : changeOne(request, name, shown);
	},
};

type Shown = (document: Fields | undefined) => Fields | null;

function removeOne(request: Request, name: string, shown: Shown) {
	const { body, catalog, db } = request;
	const collection = catalog.find(db, name);
	const [one] = targets(request, collection, body.query, body.sort, 1);
	if (collection && one) removeDocument(request, collection, one);
	return { lastErrorObject: { n: one ? 1 : 0 }, value: shown(one?.document) };
}

function changeOne(request: Request, name: string, shown: Shown) {
	const { body, catalog, db, now } = request;
	const change = parseUpdate(body.update);
	const collection = catalog.find(db, name);
	const [one] = targets(request, collection, body.query, body.sort, 1);
	if (collection && one) {
		const after = applyUpdate(one.document, change, now);
		replaceDocument(request, collection, one, after);
		return { lastErrorObject: { n: 1, updatedExisting: true }, value: shown(flag(body, "new") ? after : one.document) };
	}
	if (!flag(body, "upsert")) return { lastErrorObject: { n: 0, updatedExisting: false }, value: null };
	const document = applyUpsert(seedOf(body.query), change, now);
	insertDocument(request, catalog.open(db, name), document);
	return {
		lastErrorObject: { n: 1, updatedExisting: false, upserted: document._id },
		value: shown(flag(body, "new") ? document : undefined),
	};
}
