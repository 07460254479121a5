import { type Db, type Filter, MongoClient, MongoServerError } from "mongodb";
import { type ActivationRecord, qualifiedName } from "../activations/record.ts";
import { entityId } from "../api/names.ts";
import type { Entity } from "./entity.ts";
import type { ActivationFilter, Repository } from "./repository.ts";

// Bodies are kept as JSON text: parameters and results are the users' own and may hold any key (`a.b`, `$x`) and any
// number, which a document must not reinterpret. What is searched or compared stands beside it.
type EntityDocument = {
	_id: string;
	namespace: string;
	kind: string;
	package: string;
	updated: Date;
	rev: string;
	body: string;
};
type CodeDocument = { _id: string; codeId: string; part: number; text: string };
type ActivationDocument = { _id: string; namespace: string; name: string; path: string; start: Date; body: string };

/** A document may hold 16 MiB, an action's code 48 MiB: it is kept in parts. */
const partChars = 4 * 1024 * 1024;
const connectMs = 5_000;
/** A store that has taken a command and is silent for this long hangs; the request that waits for it fails then. */
const silenceMs = 30_000;

/** Opens the state in one database of a store. Rejects when the store does not answer in 5 s. */
export async function openMongoRepository(uri: string, database: string): Promise<Repository> {
	const client = new MongoClient(uri, {
		appName: "openwhisk",
		maxPoolSize: 8,
		serverSelectionTimeoutMS: connectMs,
		connectTimeoutMS: connectMs,
		socketTimeoutMS: silenceMs,
	});
	await client.connect();
	const db = client.db(database);
	await createIndexes(db);
	return repository(db, () => client.close());
}

async function createIndexes(db: Db) {
	await db.collection("entities").createIndex({ namespace: 1, kind: 1, package: 1 });
	await db.collection("code").createIndex({ codeId: 1 });
	const activations = db.collection("activations");
	await activations.createIndex({ namespace: 1, start: -1 });
	await activations.createIndex({ start: -1 });
}

function repository(db: Db, close: () => Promise<void>): Repository {
	const entities = db.collection<EntityDocument>("entities");
	const codes = db.collection<CodeDocument>("code");
	const activations = db.collection<ActivationDocument>("activations");

	return {
		async findEntity(id) {
			const document = await entities.findOne({ _id: id });
			return document ? (JSON.parse(document.body) as Entity) : undefined;
		},
		async listEntities(kind, filter) {
			const documents = await entities
				.find({ ...filter, kind })
				.sort({ updated: -1 })
				.toArray();
			return documents.map(({ body }) => JSON.parse(body));
		},
		insertEntity: (entity) => inserted(entities.insertOne(toDocument(entity))),
		async replaceEntity(entity, oldRev) {
			const { _id, ...document } = toDocument(entity);
			const { matchedCount } = await entities.replaceOne({ _id, rev: oldRev }, document);
			return matchedCount === 1;
		},
		async deleteEntity(id, rev) {
			return (await entities.deleteOne({ _id: id, rev })).deletedCount === 1;
		},

		async putCode(codeId, code) {
			for (let part = 0; part * partChars < code.length; part += 1) {
				const text = code.slice(part * partChars, (part + 1) * partChars);
				await inserted(codes.insertOne({ _id: `${codeId}:${part}`, codeId, part, text }));
			}
		},
		async getCode(codeId) {
			const parts = await codes.find({ codeId }).sort({ part: 1 }).toArray();
			return parts.length === 0 ? undefined : parts.map(({ text }) => text).join("");
		},
		async deleteCode(codeId) {
			await codes.deleteMany({ codeId });
		},

		async putActivation(record) {
			await inserted(
				activations.insertOne({
					_id: record.activationId,
					namespace: record.namespace,
					name: record.name,
					path: qualifiedName(record),
					start: new Date(record.start),
					body: JSON.stringify(record),
				}),
			);
		},
		async findActivation(namespace, activationId) {
			const document = await activations.findOne({ _id: activationId, namespace });
			return document ? (JSON.parse(document.body) as ActivationRecord) : undefined;
		},
		async listActivations(filter, { skip, limit }) {
			const cursor = activations.find(query(filter)).sort({ start: -1 }).skip(skip).limit(limit);
			return (await cursor.toArray()).map(({ body }) => JSON.parse(body));
		},
		async countActivations(filter) {
			return (await activations.find(query(filter), { projection: { _id: 1 } }).toArray()).length;
		},
		async trimActivations(keep) {
			const [oldest] = await activations
				.find({}, { projection: { start: 1 } })
				.sort({ start: -1 })
				.skip(keep)
				.limit(1)
				.toArray();
			if (oldest) await activations.deleteMany({ start: { $lte: oldest.start } });
		},
		close,
	};
}

function toDocument(entity: Entity): EntityDocument {
	const inPackage = entity.kind === "action" ? (entity.package ?? "") : "";
	return {
		_id: entityId(entity),
		namespace: entity.namespace,
		kind: entity.kind,
		package: inPackage,
		updated: new Date(entity.updated),
		rev: entity.rev,
		body: JSON.stringify(entity),
	};
}

function query({ namespace, name, sinceMs, uptoMs }: ActivationFilter): Filter<ActivationDocument> {
	const start = {
		...(sinceMs === undefined ? {} : { $gte: new Date(sinceMs) }),
		...(uptoMs === undefined ? {} : { $lte: new Date(uptoMs) }),
	};
	return {
		namespace,
		...(name === undefined ? {} : name.includes("/") ? { path: name } : { name }),
		...(sinceMs === undefined && uptoMs === undefined ? {} : { start }),
	};
}

const duplicateKey = 11000;

async function inserted(insertion: Promise<unknown>): Promise<boolean> {
	try {
		await insertion;
		return true;
	} catch (error) {
		if (error instanceof MongoServerError && error.code === duplicateKey) return false;
		throw error;
	}
}
