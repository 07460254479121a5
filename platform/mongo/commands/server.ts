import { list, maxWriteBatchSize } from "../arguments.ts";
import { type Command, namespaceOf } from "../command.ts";
import { checkCollection } from "../documents.ts";
import { Failure } from "../failure.ts";
import { maxDocumentBytes } from "../value.ts";
import { maxMessageBytes } from "../wire.ts";

/** MongoDB 7.0's wire version: within what driver 7 accepts (9 to 29), before server features this store lacks. */
const maxWireVersion = 21;
const version = "7.0.0";

/**
 * Presents a standalone: no setName and no logicalSessionTimeoutMinutes, so that drivers use neither sessions nor
 * transactions nor retryable writes; no topologyVersion, so that they poll instead of holding a request open.
 */
const handshake = (name: string): Command => ({
	name,
	fields: [name, "client", "compression", "helloOk", "backpressure", "saslSupportedMechs", "speculativeAuthenticate"],
	refused: ["topologyVersion", "maxAwaitTimeMS", "loadBalanced"],
	run: ({ now, connectionId }) => ({
		helloOk: true,
		...(name === "hello" ? { isWritablePrimary: true } : { ismaster: true }),
		maxBsonObjectSize: maxDocumentBytes,
		maxMessageSizeBytes: maxMessageBytes,
		maxWriteBatchSize,
		localTime: now(),
		connectionId,
		minWireVersion: 0,
		maxWireVersion,
		readOnly: false,
	}),
});

export const hello = handshake("hello");
export const isMaster = handshake("isMaster");
export const ismaster = handshake("ismaster");

export const ping: Command = { name: "ping", fields: ["ping"], run: () => ({}) };

export const buildInfo: Command = {
	name: "buildInfo",
	fields: ["buildInfo", "buildinfo"],
	run: () => ({
		version,
		versionArray: [...version.split(".").map(Number), 0],
		modules: ["holdfast-embedded-document-store"],
		bits: 64,
		maxBsonObjectSize: maxDocumentBytes,
	}),
};

export const connectionStatus: Command = {
	name: "connectionStatus",
	fields: ["connectionStatus"],
	neutral: { showPrivileges: [false] },
	run: () => ({ authInfo: { authenticatedUsers: [], authenticatedUserRoles: [] } }),
};

/** There are no sessions, so every one has ended. */
export const endSessions: Command = {
	name: "endSessions",
	fields: ["endSessions"],
	run: ({ body }) => {
		list(body, "endSessions");
		return {};
	},
};

/** Compares the indexes of a collection with its documents; reads all of it. */
export const validate: Command = {
	name: "validate",
	fields: ["validate"],
	neutral: { full: [true, false], background: [false] },
	run(request) {
		const { name, ns } = namespaceOf(request, "validate");
		const collection = request.catalog.find(request.db, name);
		if (!collection) throw new Failure("NamespaceNotFound", `Collection '${ns}' does not exist to validate.`);
		const errors = checkCollection(request, collection);
		const keysPerIndex = collection.indexes.map(({ id, spec }) => [spec.name, request.store.countEntries(id)]);
		return {
			ns,
			nrecords: request.store.count(collection.id),
			nIndexes: collection.indexes.length,
			keysPerIndex: Object.fromEntries(keysPerIndex),
			valid: errors.length === 0,
			errors,
			warnings: [],
		};
	},
};
