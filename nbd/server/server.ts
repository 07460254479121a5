import { createServer, type Socket } from "node:net";
import { NbdError } from "../error.ts";
import type { NbdAddress } from "../stream.ts";
import { serveClient } from "./connection.ts";
import type { Exports } from "./disk.ts";

export type ServerOptions = {
	/** A Unix socket, made for its owner only, or a host and port; port 0 takes a free one. */
	address: NbdAddress;
	exports: Exports;
	/** Clients at a time; more are turned away. Default 16. */
	mostClients?: number;
	/** Told what a connection ended with where that was no fault of the client. */
	onError?: (error: unknown) => void;
};

export type NbdServer = {
	/** Where it listens, with the port that it got. */
	readonly address: NbdAddress;
	/** Stops listening and ends every connection. Safe to repeat. */
	close(): Promise<void>;
};

const defaultMostClients = 16;
const ownerOnlyMask = 0o177;

/** A read-only NBD server. Throws `NbdError` `CONNECT` where it cannot listen. */
export const startNbdServer = async (options: ServerOptions): Promise<NbdServer> => {
	const { address, exports, mostClients = defaultMostClients, onError = () => {} } = options;
	const clients = new Set<Socket>();
	const server = createServer({ pauseOnConnect: false }, (socket) => {
		clients.add(socket);
		socket.on("close", () => clients.delete(socket));
		socket.on("error", () => {}); // The close that follows says it.
		void serveClient(socket, exports, onError);
	});
	server.maxConnections = mostClients;
	await new Promise<void>((resolve, reject) => {
		const where = "path" in address ? address.path : `${address.host}:${address.port}`;
		server.once("error", (cause) =>
			reject(new NbdError("CONNECT", `The NBD server cannot listen on ${where}: ${cause.message}.`, { cause })),
		);
		// The file of the socket is made within `listen`, so the mask holds for nothing else.
		const before = "path" in address ? process.umask(ownerOnlyMask) : undefined;
		server.listen(address, resolve);
		if (before !== undefined) process.umask(before);
	});
	const bound = server.address();
	const port = typeof bound === "object" ? bound?.port : undefined;
	return {
		address: "path" in address || port === undefined ? address : { ...address, port },
		async close() {
			if (!server.listening) return;
			const closed = new Promise<void>((resolve) => server.close(() => resolve()));
			for (const socket of clients) socket.destroy();
			await closed;
		},
	};
};
