import { type Db, MongoClient, type MongoClientOptions } from "mongodb";

/** Used when the URI does not name a database. */
export const defaultDatabase = "holdfast";

/**
 * A warm container serves one request at a time but a handler may have a few calls in flight, and OpenWhisk freezes
 * containers between requests: few sockets, none kept for long, and polling instead of streamed monitoring, because a
 * frozen process cannot answer. Retries are safe: reads, and writes that the server itself can tell apart.
 */
const options: MongoClientOptions = {
	maxPoolSize: 4,
	minPoolSize: 0,
	maxIdleTimeMS: 60_000,
	serverSelectionTimeoutMS: 5_000,
	connectTimeoutMS: 5_000,
	socketTimeoutMS: 15_000,
	serverMonitoringMode: "poll",
	retryReads: true,
	retryWrites: true,
	ignoreUndefined: true,
};

type Connection = { uri: string; client: MongoClient; connected: Promise<MongoClient> };

let current: Connection | undefined;

/**
 * The database behind `uri`, over one client that the whole process shares. The first call connects; a failure is
 * thrown (within about five seconds) and forgotten, so that the next call tries again.
 */
export async function openDatabase(uri: string, appName = "holdfast"): Promise<Db> {
	if (current?.uri !== uri) {
		await closeDatabase();
		const client = new MongoClient(uri, { ...options, appName });
		current = { uri, client, connected: client.connect() };
	}
	const { client, connected } = current;
	try {
		await connected;
	} catch (error) {
		if (current?.client === client) current = undefined;
		await client.close().catch(() => {});
		throw error;
	}
	return client.db(nameIn(uri));
}

/** Closes the shared client. Safe to repeat. */
export async function closeDatabase(): Promise<void> {
	const closing = current;
	current = undefined;
	await closing?.client.close();
}

function nameIn(uri: string): string {
	const path = /^mongodb(?:\+srv)?:\/\/[^/]+\/([^?]*)/.exec(uri)?.[1];
	return path ? decodeURIComponent(path) : defaultDatabase;
}
