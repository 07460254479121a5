import { Binary, type Document } from "bson";
import { count, flag } from "../arguments.ts";
import { type Collection, checkDatabaseName } from "../catalog.ts";
import { type Command, firstBatchDocuments, namespaceOf, type Request } from "../command.ts";
import { Failure, refuse } from "../failure.ts";
import { compileFilter } from "../filter.ts";
import { idIndexSpec } from "../indexing.ts";
import { type Fields, isFields } from "../value.ts";

export const create: Command = {
	name: "create",
	fields: ["create"],
	neutral: { capped: [false], autoIndexId: [true] },
	refused: [
		"size",
		"max",
		"timeseries",
		"expireAfterSeconds",
		"clusteredIndex",
		"changeStreamPreAndPostImages",
		"validator",
		"validationLevel",
		"validationAction",
		"indexOptionDefaults",
		"storageEngine",
		"viewOn",
		"pipeline",
		"collation",
		"encryptedFields",
	],
	run(request) {
		const { name, ns } = namespaceOf(request, "create");
		if (request.catalog.find(request.db, name))
			throw new Failure("NamespaceExists", `Collection ${ns} already exists.`);
		request.catalog.open(request.db, name);
		return {};
	},
};

function dropCollection({ catalog, cursors }: Request, collection: Collection): void {
	catalog.drop(collection);
	cursors.killAll(`${collection.db}.${collection.name}`);
}

export const drop: Command = {
	name: "drop",
	fields: ["drop"],
	run(request) {
		const { name, ns } = namespaceOf(request, "drop");
		const collection = request.catalog.find(request.db, name);
		if (!collection) return {}; // as MongoDB from 7.0 on
		dropCollection(request, collection);
		return { nIndexesWas: collection.indexes.length, ns };
	},
};

export const dropDatabase: Command = {
	name: "dropDatabase",
	fields: ["dropDatabase"],
	run(request) {
		const collections = request.catalog.list(request.db);
		for (const collection of collections) dropCollection(request, collection);
		return collections.length > 0 ? { dropped: request.db } : {};
	},
};

const shownCollection = ({ name, uuid }: Collection): Fields => ({
	name,
	type: "collection",
	options: {},
	info: { readOnly: false, uuid: new Binary(uuid, Binary.SUBTYPE_UUID) },
	idIndex: { v: idIndexSpec.v, key: { _id: 1 }, name: idIndexSpec.name },
});

/** The batch size of a list command. */
export function listBatchSize(body: Document): number {
	if (body.cursor === undefined) return firstBatchDocuments;
	if (!isFields(body.cursor)) throw new Failure("TypeMismatch", "The field 'cursor' must be a document");
	const other = Object.keys(body.cursor).find((field) => field !== "batchSize");
	if (other) refuse(`The cursor option '${other}'`);
	return count(body.cursor, "batchSize") ?? firstBatchDocuments;
}

export const listCollections: Command = {
	name: "listCollections",
	fields: ["listCollections", "filter", "nameOnly", "cursor"],
	neutral: { authorizedCollections: [true, false] },
	run({ body, db, catalog, cursors }) {
		checkDatabaseName(db);
		const { test } = compileFilter(body.filter);
		const nameOnly = flag(body, "nameOnly");
		const shown = catalog
			.list(db)
			.map(shownCollection)
			.filter(test)
			.map(({ name, type, ...rest }) => (nameOnly ? { name, type } : { name, type, ...rest }));
		return cursors.first(`${db}.$cmd.listCollections`, shown.values(), listBatchSize(body));
	},
};

export const listDatabases: Command = {
	name: "listDatabases",
	fields: ["listDatabases", "filter", "nameOnly"],
	neutral: { authorizedDatabases: [true, false] },
	run({ body, db, catalog, store }) {
		if (db !== "admin") throw new Failure("Unauthorized", "listDatabases may only be run against the admin database.");
		const { test } = compileFilter(body.filter);
		const nameOnly = flag(body, "nameOnly");
		const names = [...new Set(catalog.list().map((collection) => collection.db))].sort();
		// One file holds them all, so the size is of all of them together and stands in the total alone.
		const databases = names.map((name) => (nameOnly ? { name } : { name, sizeOnDisk: 0, empty: false })).filter(test);
		return { databases, ...(nameOnly ? {} : { totalSize: store.sizeBytes() }) };
	},
};
