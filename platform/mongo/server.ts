import { createServer, type Socket } from "node:net";
import { openDispatcher } from "./commands.ts";
import { openCommits } from "./commits.ts";
import { serveConnection } from "./connection.ts";
import { checkAddress, type ListenAddress, listenOn } from "./listen.ts";
import { openSqliteStore } from "./sqlite.ts";

export type DocumentStoreOptions = {
	/** Made when missing (mode 0700). One server at a time; the lock goes with the process. */
	dataFolder: string;
	/** A Unix socket (mode 0600), or a port on the loopback interface; port 0 takes a free one. */
	listen: ListenAddress;
	/** The clock of $currentDate, cursors and time limits. */
	now?: () => Date;
};

export type RunningDocumentStore = {
	/**
	 * For `new MongoClient(uri)`, e.g. `mongodb://%2Frun%2Fx.sock/?directConnection=true`. It names no database: choose
	 * one with `client.db(name)`, or put its name between the `/` and the `?`.
	 */
	uri: string;
	/** Answers what has arrived, then closes connections, files and lock. May be called twice. */
	close(): Promise<void>;
};

/** A control plane holds a few pools of connections; more is a leak. */
const maxConnections = 1000;

/**
 * Starts the embedded document store: the MongoDB wire protocol over one SQLite file, see docs/embedded-store.md.
 * @throws Error with one sentence: the folder is in use or not writable, the address is taken or not permitted
 */
export async function startDocumentStore(options: DocumentStoreOptions): Promise<RunningDocumentStore> {
	const { dataFolder, listen, now = () => new Date() } = options;
	if (typeof dataFolder !== "string" || dataFolder === "") throw new Error("The data folder is missing; name one.");
	checkAddress(listen);
	const store = openSqliteStore(dataFolder);
	const commits = openCommits(store, openDispatcher(store, now));
	const sockets = new Set<Socket>();
	let connections = 0;
	const server = createServer({ noDelay: true }, (socket) => {
		sockets.add(socket);
		socket.once("close", () => sockets.delete(socket));
		serveConnection(socket, ++connections, commits);
	});
	server.maxConnections = maxConnections;
	let closing: Promise<void> | undefined;

	async function close(): Promise<void> {
		const closed = new Promise<void>((resolve) => server.close(() => resolve()));
		commits.flush();
		for (const socket of sockets) socket.destroySoon();
		await closed;
		store.close();
	}

	try {
		const uri = await listenOn(server, listen);
		return { uri, close: () => (closing ??= close()) };
	} catch (error) {
		store.close();
		throw error;
	}
}
