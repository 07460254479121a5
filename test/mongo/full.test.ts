import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import test from "ava";
import { connect, folderFor, spawnServer } from "./fixture.ts";

const main = fileURLToPath(new URL("../../platform/mongo/main.ts", import.meta.url));
/** In units of 1024 bytes, as bash counts: no file of the server may grow beyond it. */
const fileLimit = 2048;

test("a full disk is an error for every write in the group, and no acknowledged write is lost", async (t) => {
	const folder = folderFor(t);
	const command = `ulimit -f ${fileLimit}; exec "$@"`;
	const args = ["--data", join(folder, "data"), "--socket", join(folder, "s.sock")];
	const child = spawn("bash", ["-c", command, "bash", process.execPath, main, ...args], {
		stdio: ["ignore", "pipe", "inherit"],
	});
	t.teardown(() => child.kill("SIGKILL"));
	const line: string = (await once(createInterface({ input: child.stdout }), "line"))[0];
	const client = connect(JSON.parse(line).uri);
	const c = client.db("test").collection<{ _id: number; pad: string }>("c");
	await c.createIndex({ pad: 1 });
	const kept: number[] = [];
	const failures: { code: number; message: string }[] = [];
	for (let turn = 0; failures.length < 20 && turn < 200; turn++)
		await Promise.all(
			[0, 1, 2, 3].map(async (n) => {
				const _id = turn * 4 + n;
				const pad = `${_id}`.padEnd(20_000, "x");
				await c.insertOne({ _id, pad }).then(
					() => kept.push(_id),
					(error) => failures.push(error),
				);
			}),
		);
	t.true(kept.length > 10);
	t.true(failures.length >= 20);
	t.true(
		failures.every(({ code }) => code === 14031 || code === 1),
		failures[0]?.message,
	);
	t.is((await client.db("test").command({ ping: 1 })).ok, 1);
	t.deepEqual(
		(await c.distinct("_id")).sort((a, b) => a - b),
		kept.sort((a, b) => a - b),
		"while it is full",
	);
	await client.close();
	child.kill("SIGKILL");
	await once(child, "exit");

	const { uri } = await spawnServer(t, folder);
	const after = connect(uri);
	t.teardown(() => after.close());
	const found = await after.db("test").collection<{ _id: number }>("c").distinct("_id");
	t.deepEqual(
		found.sort((a, b) => a - b),
		kept,
		"after a restart with room",
	);
	t.true((await after.db("test").command({ validate: "c" })).valid);
	await after.db("test").collection("c").insertOne({});
});
