import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Db, MongoClient } from "mongodb";
import { ensureIndexes } from "#store/indexes.ts";

export type TestStore = {
	/** A database of its own, with the indexes, over a client that the store closes. */
	database: () => Promise<{ db: Db; uri: string; client: MongoClient }>;
	close: () => Promise<void>;
};

const main = new URL("../../platform/mongo/main.ts", import.meta.url).pathname;

/** The store of `MONGODB_URI`, or a new embedded one that is gone afterwards. */
export async function startStore(): Promise<TestStore> {
	const embedded = process.env.MONGODB_URI ? undefined : await startEmbedded();
	const base = new URL((process.env.MONGODB_URI ?? embedded?.uri) as string);
	const clients: { client: MongoClient; db: Db }[] = [];
	return {
		database: async () => {
			const name = `holdfast-test-${randomUUID().slice(0, 8)}`;
			const uri = `${base.protocol}//${base.username ? `${base.username}:${base.password}@` : ""}${base.host}/${name}${base.search}`;
			const client = new MongoClient(uri, { maxPoolSize: 20, monitorCommands: true, ignoreUndefined: true });
			await client.connect();
			const db = client.db(name);
			clients.push({ client, db });
			await ensureIndexes(db);
			return { db, uri, client };
		},
		close: async () => {
			for (const { client, db } of clients) {
				if (!embedded) await db.dropDatabase();
				await client.close();
			}
			await embedded?.stop();
		},
	};
}

async function startEmbedded(): Promise<{ uri: string; stop: () => Promise<void> }> {
	const folder = mkdtempSync(join(tmpdir(), "holdfast-store-"));
	const args = [main, "--data", join(folder, "data"), "--socket", join(folder, "mongo.sock")];
	const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
	// A test process that dies of its test must not leave a server behind.
	const killWithUs = () => child.kill("SIGKILL");
	process.once("exit", killWithUs);
	const uri = await readyUri(child);
	return {
		uri,
		stop: async () => {
			const ended = new Promise((resolve) => child.once("exit", resolve));
			child.kill("SIGTERM");
			await ended;
			process.off("exit", killWithUs);
			rmSync(folder, { recursive: true, force: true });
		},
	};
}

function readyUri(child: ChildProcess): Promise<string> {
	return new Promise((resolve, reject) => {
		child.once("exit", (code) => reject(new Error(`The embedded store ended with ${code} before it was ready.`)));
		child.once("error", reject);
		createInterface({ input: child.stdout as NodeJS.ReadableStream }).once("line", (line) => {
			resolve((JSON.parse(line) as { uri: string }).uri);
		});
	});
}
