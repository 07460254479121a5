import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { ExecutionContext } from "ava";
import { type Db, type Document, MongoClient, type MongoClientOptions, type MongoServerError } from "mongodb";
import { startDocumentStore } from "#platform/mongo/server.ts";

const main = fileURLToPath(new URL("../../platform/mongo/main.ts", import.meta.url));

/** A folder that goes with the test. */
export function folderFor(t: ExecutionContext): string {
	const folder = mkdtempSync(join(tmpdir(), "mongo-test-"));
	t.teardown(() => rmSync(folder, { recursive: true, force: true }));
	return folder;
}

/** The official driver; fails fast instead of waiting for a server that is not there. */
export function connect(uri: string, options: MongoClientOptions = {}): MongoClient {
	return new MongoClient(uri, { serverSelectionTimeoutMS: 5000, ...options });
}

/**
 * A connected driver and a database that goes with the test: on the server of `MONGODB_URI` where one is named, and
 * otherwise on one in this process, on a Unix socket.
 */
export async function openServer(
	t: ExecutionContext,
): Promise<{ client: MongoClient; db: Db; uri: string; folder: string }> {
	const folder = folderFor(t);
	if (process.env.MONGODB_URI) return { ...(await openDatabase(t, process.env.MONGODB_URI)), folder };
	const server = await startDocumentStore({
		dataFolder: join(folder, "data"),
		listen: { socketPath: join(folder, "s.sock") },
	});
	const client = connect(server.uri);
	t.teardown(async () => {
		await client.close();
		await server.close();
	});
	return { client, db: client.db("test"), uri: server.uri, folder };
}

async function openDatabase(t: ExecutionContext, uri: string) {
	const client = connect(uri);
	const db = client.db(`mongo-test-${randomUUID().slice(0, 8)}`);
	t.teardown(async () => {
		await db.dropDatabase();
		await client.close();
	});
	return { client, db, uri };
}

export type ServerProcess = { child: ChildProcess; uri: string };

/** A server in a process of its own, which can be killed. */
export async function spawnServer(t: ExecutionContext, folder: string): Promise<ServerProcess> {
	const args = [main, "--data", join(folder, "data"), "--socket", join(folder, "s.sock")];
	const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
	t.teardown(() => child.kill("SIGKILL"));
	const line: string = (await once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), "line"))[0];
	return { child, uri: JSON.parse(line).uri };
}

export async function runMain(args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
	const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "pipe"] });
	let [stdout, stderr] = ["", ""];
	child.stdout.on("data", (chunk) => (stdout += chunk));
	child.stderr.on("data", (chunk) => (stderr += chunk));
	const [code] = await once(child, "close");
	return { code, stdout, stderr };
}

/** The server error a promise ends with, as the driver shows it. */
export async function failureOf(promise: Promise<unknown>): Promise<Document> {
	try {
		await promise;
	} catch (error) {
		return error as MongoServerError;
	}
	throw new Error("it was accepted");
}
