import type { Document } from "bson";
import { checkGeneric, checkShape, count, genericFields } from "./arguments.ts";
import { openCatalog } from "./catalog.ts";
import type { Command, Request } from "./command.ts";
import * as collections from "./commands/collections.ts";
import * as indexes from "./commands/indexes.ts";
import { findAndModify } from "./commands/modify.ts";
import * as read from "./commands/read.ts";
import * as server from "./commands/server.ts";
import { insert, remove, update } from "./commands/write.ts";
import { openCursors } from "./cursors.ts";
import { Failure, failureCodes } from "./failure.ts";
import type { DocumentStore } from "./store.ts";

/** The only list of what the server answers. */
const commands: Record<string, Command> = {
	hello: server.hello,
	isMaster: server.isMaster,
	ismaster: server.ismaster,
	ping: server.ping,
	buildInfo: server.buildInfo,
	buildinfo: server.buildInfo,
	connectionStatus: server.connectionStatus,
	endSessions: server.endSessions,
	validate: server.validate,
	find: read.find,
	getMore: read.getMore,
	killCursors: read.killCursors,
	aggregate: read.aggregate,
	count: read.countDocuments,
	distinct: read.distinct,
	insert,
	update,
	delete: remove,
	findAndModify,
	findandmodify: findAndModify,
	create: collections.create,
	drop: collections.drop,
	dropDatabase: collections.dropDatabase,
	listCollections: collections.listCollections,
	listDatabases: collections.listDatabases,
	createIndexes: indexes.createIndexes,
	listIndexes: indexes.listIndexes,
	dropIndexes: indexes.dropIndexes,
};

/** These exist in MongoDB for sessions this store does not have. */
const transactionCommands = [
	"commitTransaction",
	"abortTransaction",
	"startSession",
	"refreshSessions",
	"killSessions",
];

/** An error as MongoDB replies it. Unforeseen ones are ours, not the client's, and say so. */
export function failureReply(error: unknown): Document {
	if (error instanceof Failure)
		return { ok: 0, errmsg: error.message, code: error.code, codeName: error.codeName, ...error.details };
	const { errcode, message } = error as { errcode?: number; message?: string };
	const sqliteFull = 13;
	const codeName = ((errcode ?? 0) & 0xff) === sqliteFull ? "OutOfDiskSpace" : "InternalError";
	const errmsg = `The embedded document store failed: ${message}`;
	return { ok: 0, errmsg, code: failureCodes[codeName], codeName };
}

export type Dispatcher = {
	/** Runs one command inside the caller's transaction. @throws Failure, or what the storage throws */
	run(body: Document, connectionId: number): Document;
	/** To be called when the transaction around commands was rolled back. */
	forget(): void;
};

export function openDispatcher(store: DocumentStore, now: () => Date): Dispatcher {
	const catalog = openCatalog(store);
	const cursors = openCursors(now);

	function run(body: Document, connectionId: number): Document {
		const name = Object.keys(body)[0] ?? "";
		const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
		if (!command) {
			if (transactionCommands.includes(name))
				throw new Failure("IllegalOperation", `This server is a standalone and has no sessions: '${name}'`);
			throw new Failure("CommandNotFound", `no such command: '${name}'`);
		}
		checkGeneric(body);
		const ownFields = Object.entries(body).filter(([field]) => !genericFields.includes(field));
		checkShape(Object.fromEntries(ownFields), command);
		if (typeof body.$db !== "string") throw new Failure("FailedToParse", "The field '$db' must be a string");
		const maxTimeMs = count(body, "maxTimeMS") ?? 0;
		const deadlineMs = maxTimeMs > 0 ? now().getTime() + maxTimeMs : Number.POSITIVE_INFINITY;
		const checkTime = () => {
			if (now().getTime() > deadlineMs) throw new Failure("MaxTimeMSExpired", "operation exceeded time limit");
		};
		const request: Request = { store, catalog, cursors, now, checkTime, connectionId, db: body.$db, body };
		return { ...command.run(request), ok: 1 };
	}

	return { run, forget: catalog.forget };
}
