import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import test from "ava";
import { openServer } from "./fixture.ts";

const claimer = fileURLToPath(new URL("claimer.ts", import.meta.url));
const run = promisify(execFile);

test("sixteen claimers in four processes never get one job twice, and get them all", async (t) => {
	const { db, uri } = await openServer(t);
	const jobs = db.collection<{ _id: number; host: string | null; attempts?: number; token?: string }>("jobs");
	await jobs.createIndex({ state: 1, host: 1, priority: -1, available_at: 1 });
	const hosts = ["h0", "h1", "h2", "h3"];
	const all = Array.from({ length: 400 }, (_, _id) => ({
		_id,
		state: "ready",
		host: _id % 2 ? null : (hosts[(_id / 2) % 4] as string),
		priority: _id % 3,
		available_at: new Date(_id),
	}));
	await jobs.insertMany(all);
	const outputs = await Promise.all(
		hosts.map((host) => run(process.execPath, [claimer, uri, db.databaseName, host], { timeout: 60_000 })),
	);
	const claimed: string[] = outputs.flatMap(({ stdout }) => JSON.parse(stdout));
	t.is(new Set(claimed.map((line) => line.split(" ")[0])).size, all.length);
	t.is(claimed.length, all.length);
	const stored = await jobs.find().toArray();
	t.true(stored.every(({ attempts }) => attempts === 1));
	t.deepEqual(stored.map(({ _id, token }) => `${_id} ${token}`).sort(), claimed.sort());
	t.true(stored.every(({ host, token }) => host === null || token?.startsWith(`${host}.`)));
});
