import { createServer, type Socket } from "node:net";
import { BSON, type Document, type Long } from "mongodb";
import { Client, type ClientConfig, Pool } from "pg";
import { failureReply, translate } from "./failures.ts";
import { type Request, readMessage, writeMessage } from "./message.ts";

/**
 * A thin gateway from the MongoDB wire protocol to DocumentDB's SQL functions: just enough for the suites of store/ and
 * the embedded store to run on a second engine. Not a product: nobody but a test talks to it.
 */
export type Gateway = { uri: string; close(): Promise<void> };

/** A cursor that is not read to its end. One that must stay on its connection has it for itself. */
type Cursor = { client: Client | undefined; continuation: string };

const handshake: Document = {
	helloOk: true,
	ismaster: true,
	isWritablePrimary: true,
	maxBsonObjectSize: 16_777_216,
	maxMessageSizeBytes: 48_000_000,
	maxWriteBatchSize: 100_000,
	minWireVersion: 0,
	maxWireVersion: 21,
	readOnly: false,
	ok: 1,
};

/** Meant for a replica set or the driver itself; the engine's functions do not know them. */
const notForTheEngine = ["$db", "lsid", "$clusterTime", "$readPreference", "txnNumber", "apiVersion"];

const ok = BSON.serialize({ ok: 1 });

export async function startGateway(config: ClientConfig): Promise<Gateway> {
	const pool = new Pool({ ...config, max: 60 });
	pool.on("error", () => {});
	const cursors = new Map<string, Cursor>();
	const sockets = new Set<Socket>();

	/** One row of one function, whose BSON columns come as text. */
	async function call(client: Client | Pool, sql: string, parameters: unknown[]): Promise<Document> {
		const { rows } = await client.query(sql, parameters);
		return rows[0] ?? {};
	}

	/** A cursor that needs its connection gets one of its own: the first page is made again on it, in a transaction. */
	async function open(verb: string, db: string, spec: string): Promise<Uint8Array> {
		const sql = `select cursorpage::text, continuation::text, persistconnection, cursorid from documentdb_api.${verb}_cursor_first_page($1, $2::documentdb_core.bson)`;
		const client = new Client(config);
		client.on("error", () => {});
		await client.connect();
		try {
			await client.query("begin");
			const page = await call(client, sql, [db, spec]);
			const id = String(page.cursorid ?? 0);
			if (id !== "0" && page.continuation) {
				const keep = page.persistconnection ? client : undefined;
				cursors.set(id, { client: keep, continuation: page.continuation });
				if (keep) return bytesOf(page.cursorpage);
			}
			await client.query("commit");
			await client.end();
			return bytesOf(page.cursorpage);
		} catch (error) {
			await client.end();
			throw error;
		}
	}

	async function getMore(db: string, body: Document): Promise<Uint8Array> {
		const id = String(body.getMore);
		const cursor = cursors.get(id);
		if (cursor === undefined)
			return BSON.serialize({ ok: 0, code: 43, codeName: "CursorNotFound", errmsg: `cursor id ${id}` });
		const sql =
			"select cursorpage::text, continuation::text from documentdb_api.cursor_get_more($1, $2::documentdb_core.bson, $3::documentdb_core.bson)";
		const page = await call(cursor.client ?? pool, sql, [db, hexOf(body), cursor.continuation]);
		if (page.continuation) cursor.continuation = page.continuation;
		else await drop(id);
		return bytesOf(page.cursorpage);
	}

	async function drop(id: string): Promise<void> {
		const cursor = cursors.get(id);
		cursors.delete(id);
		await cursor?.client?.end();
	}

	async function killCursors(body: Document): Promise<Uint8Array> {
		const ids = (body.cursors as Long[]).map(String);
		for (const id of ids) await drop(id);
		return BSON.serialize({
			ok: 1,
			cursorsKilled: body.cursors,
			cursorsNotFound: [],
			cursorsAlive: [],
			cursorsUnknown: [],
		});
	}

	async function write(db: string, name: string, spec: string): Promise<Uint8Array> {
		const row = await call(
			pool,
			`select p_result::text as result from documentdb_api.${name}($1, $2::documentdb_core.bson)`,
			[db, spec],
		);
		return translate(bytesOf(row.result));
	}

	async function answer(body: Document): Promise<Uint8Array> {
		const name = Object.keys(body)[0] as string;
		const db = String(body.$db ?? "admin");
		for (const field of notForTheEngine) delete body[field];
		const collection = String(body[name]);
		const spec = (): string => hexOf(body);
		switch (name) {
			case "hello":
			case "isMaster":
			case "ismaster":
				return BSON.serialize({ ...handshake, localTime: new Date(), connectionId: 1 });
			case "ping":
			case "endSessions":
				return ok;
			case "buildInfo":
			case "buildinfo":
				return BSON.serialize({ version: "7.0.0", versionArray: [7, 0, 0, 0], documentdb: true, ok: 1 });
			case "find":
				return open("find", db, spec());
			case "aggregate":
				return open("aggregate", db, spec());
			case "listCollections":
				return open("list_collections", db, spec());
			case "listIndexes":
				return open("list_indexes", db, spec());
			case "getMore":
				return getMore(db, body);
			case "killCursors":
				return killCursors(body);
			case "insert":
			case "update":
			case "delete":
				return write(db, name, spec());
			case "findAndModify":
				return write(db, "find_and_modify", spec());
			case "count":
			case "distinct": {
				const row = await call(
					pool,
					`select document::text from documentdb_api.${name}_query($1, $2::documentdb_core.bson)`,
					[db, spec()],
				);
				return bytesOf(row.document);
			}
			case "createIndexes": {
				// The background variant answers before the index is there, and duplicates slip in.
				const sql =
					"select documentdb_api_internal.create_indexes_non_concurrently($1, $2::documentdb_core.bson, true)::text as result";
				return bytesOf((await call(pool, sql, [db, spec()])).result);
			}
			case "dropIndexes":
				await pool.query("call documentdb_api.drop_indexes($1, $2::documentdb_core.bson)", [db, spec()]);
				return ok;
			case "create":
				await pool.query("select documentdb_api.create_collection($1, $2)", [db, collection]);
				return ok;
			case "drop":
				await pool.query("select documentdb_api.drop_collection($1, $2)", [db, collection]);
				return ok;
			case "dropDatabase":
				await pool.query("select documentdb_api.drop_database($1)", [db]);
				return ok;
			default:
				return BSON.serialize({ ok: 0, code: 59, codeName: "CommandNotFound", errmsg: `no such command: '${name}'` });
		}
	}

	async function serve(request: Request): Promise<Buffer> {
		try {
			return writeMessage(request, await answer(request.body));
		} catch (error) {
			return writeMessage(request, failureReply(error as Error & { code?: string }));
		}
	}

	const server = createServer((socket) => {
		sockets.add(socket);
		let received: Buffer = Buffer.alloc(0);
		let turn = Promise.resolve();
		socket.on("close", () => sockets.delete(socket));
		socket.on("error", () => socket.destroy());
		socket.on("data", (chunk: Buffer) => {
			received = Buffer.concat([received, chunk]);
			while (received.length >= 4 && received.length >= received.readInt32LE(0)) {
				const request = readMessage(received.subarray(0, received.readInt32LE(0)));
				received = received.subarray(received.readInt32LE(0));
				turn = turn.then(async () => void socket.write(await serve(request)));
			}
		});
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const { port } = server.address() as { port: number };
	return {
		uri: `mongodb://127.0.0.1:${port}/?directConnection=true`,
		async close() {
			for (const socket of sockets) socket.destroy();
			await new Promise((resolve) => server.close(resolve));
			for (const id of [...cursors.keys()]) await drop(id);
			await pool.end();
		},
	};
}

const hexOf = (document: Document): string => `BSONHEX${Buffer.from(BSON.serialize(document)).toString("hex")}`;
const bytesOf = (text: string): Buffer => Buffer.from(text.slice("BSONHEX".length), "hex");
