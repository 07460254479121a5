import { list } from "../arguments.ts";
import type { Collection } from "../catalog.ts";
import { type Command, namespaceOf } from "../command.ts";
import { fillIndex } from "../documents.ts";
import { Failure } from "../failure.ts";
import { type Index, type IndexSpec, idIndexSpec, parseIndexSpec } from "../indexing.ts";
import { equalValues } from "../order.ts";
import { isFields, plain, type Value } from "../value.ts";
import { listBatchSize } from "./collections.ts";

const same = (a: unknown, b: unknown) => equalValues(a as Value, b as Value);

/** @returns true when the index is there already; throws 85 or 86 when something else stands in its place */
function exists(collection: Collection, spec: IndexSpec): boolean {
	const named = collection.indexes.find((index) => index.spec.name === spec.name);
	if (named && same(named.spec, spec)) return true;
	if (named)
		throw new Failure(
			"IndexKeySpecsConflict",
			`An existing index has the same name as the requested index but another definition: '${spec.name}'`,
		);
	const alike = collection.indexes.find(
		(index) => same(index.spec.key, spec.key) && same(index.spec.partialFilterExpression, spec.partialFilterExpression),
	);
	if (alike)
		throw new Failure("IndexOptionsConflict", `Index already exists with a different name: ${alike.spec.name}`);
	return false;
}

export const createIndexes: Command = {
	name: "createIndexes",
	fields: ["createIndexes", "indexes"],
	refused: ["commitQuorum"],
	run(request) {
		const { body, catalog, db } = request;
		const { name } = namespaceOf(request, "createIndexes");
		const specs = list(body, "indexes").map(parseIndexSpec);
		if (specs.length === 0) throw new Failure("BadValue", "Must specify at least one index to create");
		const createdCollectionAutomatically = !catalog.find(db, name);
		const collection = catalog.open(db, name);
		const numIndexesBefore = collection.indexes.length;
		for (const spec of specs) {
			if (exists(collection, spec)) continue;
			fillIndex(request, collection, catalog.addIndex(collection, spec));
		}
		const numIndexesAfter = collection.indexes.length;
		const note = numIndexesAfter === numIndexesBefore ? { note: "all indexes already exist" } : {};
		return { numIndexesBefore, numIndexesAfter, createdCollectionAutomatically, ...note };
	},
};

export const listIndexes: Command = {
	name: "listIndexes",
	fields: ["listIndexes", "cursor"],
	run(request) {
		const { name, ns } = namespaceOf(request, "listIndexes");
		const collection = request.catalog.find(request.db, name);
		if (!collection) throw new Failure("NamespaceNotFound", `ns does not exist: ${ns}`);
		const specs = collection.indexes.map(({ spec }) => spec);
		return request.cursors.first(ns, specs.values(), listBatchSize(request.body));
	},
};

function chosen(collection: Collection, which: unknown): Index[] {
	if (which === "*") return collection.indexes.filter(({ spec }) => spec.name !== idIndexSpec.name);
	if (Array.isArray(which)) return which.flatMap((one) => chosen(collection, String(one)));
	const key = isFields(which) ? plain(which) : undefined;
	const found = collection.indexes.filter(({ spec }) => (key ? same(spec.key, key) : spec.name === which));
	if (found.length === 0)
		throw new Failure("IndexNotFound", `index not found with name [${JSON.stringify(key ?? which)}]`);
	if (found.length > 1) throw new Failure("BadValue", "Several indexes have this key; name the one to drop");
	if (found[0]?.spec.name === idIndexSpec.name) throw new Failure("InvalidOptions", "cannot drop _id index");
	return found;
}

export const dropIndexes: Command = {
	name: "dropIndexes",
	fields: ["dropIndexes", "index"],
	run(request) {
		const { name, ns } = namespaceOf(request, "dropIndexes");
		const collection = request.catalog.find(request.db, name);
		if (!collection) throw new Failure("NamespaceNotFound", `ns not found ${ns}`);
		const nIndexesWas = collection.indexes.length;
		for (const index of new Set(chosen(collection, request.body.index))) request.catalog.dropIndex(collection, index);
		request.cursors.killAll(ns); // their plans may read what is gone
		return { nIndexesWas };
	},
};
