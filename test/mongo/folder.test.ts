import { once } from "node:events";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import test from "ava";
import { startDocumentStore } from "#platform/mongo/server.ts";
import { connect, folderFor, runMain, spawnServer } from "./fixture.ts";

const mode = (path: string) => statSync(path).mode & 0o777;

test("one server per folder; the lock dies with its process; a restart keeps everything", async (t) => {
	const folder = folderFor(t);
	const first = await spawnServer(t, folder);
	const client = connect(first.uri);
	const c = client.db("test").collection<{ _id: number; a: number[] }>("c");
	await c.createIndex({ a: -1 }, { name: "mine", partialFilterExpression: { a: { $gt: 1 } } });
	await c.insertMany([
		{ _id: 1, a: [1, 2] },
		{ _id: 2, a: [1] },
	]);
	await client.close();

	const args = ["--data", join(folder, "data"), "--socket", join(folder, "second.sock")];
	const second = await runMain(args);
	t.is(second.code, 1);
	t.is(second.stdout, "");
	t.is(second.stderr.trim().split("\n").length, 1);
	t.regex(second.stderr, /data folder .*data is in use by another document store/);

	first.child.kill("SIGKILL");
	await once(first.child, "exit");
	const third = await spawnServer(t, folder); // also over the dead server's socket file
	const again = connect(third.uri);
	const kept = again.db("test").collection<{ _id: number; a: number[] }>("c");
	t.deepEqual(await kept.find({ a: { $gt: 1 } }).toArray(), [{ _id: 1, a: [1, 2] }]);
	t.deepEqual(
		(await kept.indexes()).map(({ name }) => name),
		["_id_", "mine"],
	);
	t.true((await again.db("test").command({ validate: "c" })).valid);
	await again.close();
	third.child.kill("SIGTERM");
	t.deepEqual(await once(third.child, "exit"), [0, null]);
	t.false(statSync(join(folder, "s.sock"), { throwIfNoEntry: false }) !== undefined, "a clean end removes its socket");
});

test("socket and files are for their owner alone, and the process's umask stays", async (t) => {
	const folder = folderFor(t);
	const umask = process.umask();
	const server = await startDocumentStore({
		dataFolder: join(folder, "d"),
		listen: { socketPath: join(folder, "x.sock") },
	});
	t.teardown(() => server.close());
	t.is(process.umask(), umask);
	t.is(mode(join(folder, "x.sock")), 0o600);
	t.is(mode(join(folder, "d")), 0o700);
	t.is(mode(join(folder, "d/documents.sqlite")), 0o600);
	t.is(mode(join(folder, "d/documents.sqlite-wal")), 0o600);
	await server.close();
	await server.close();
});

test("a start that cannot work says why in one sentence", async (t) => {
	const folder = folderFor(t);
	const socketPath = join(folder, "busy.sock");
	const busy = createServer().listen(socketPath);
	await once(busy, "listening");
	t.teardown(() => busy.close());
	writeFileSync(join(folder, "file.sock"), "");
	mkdirSync(join(folder, "junk"));
	writeFileSync(join(folder, "junk/documents.sqlite"), "this is not a database".repeat(100));
	const start = (dataFolder: string, listen: Parameters<typeof startDocumentStore>[0]["listen"]) =>
		startDocumentStore({ dataFolder, listen });
	const data = join(folder, "data");
	await t.throwsAsync(start(data, { socketPath }), { message: /Another process serves/ });
	await t.throwsAsync(start(data, { socketPath: join(folder, "file.sock") }), { message: /is not a socket/ });
	await t.throwsAsync(start(data, { socketPath: join(folder, "name") }), { message: /end in \.sock/ });
	await t.throwsAsync(start(data, { socketPath: `/tmp/${"x".repeat(120)}.sock` }), { message: /choose a shorter one/ });
	await t.throwsAsync(start(data, { port: 1.5 }), { message: /whole number/ });
	await t.throwsAsync(start(data, { port: 0, host: "0.0.0.0" }), { message: /not a loopback address/ });
	await t.throwsAsync(start("", { port: 0 }), { message: /data folder is missing/ });
	await t.throwsAsync(start(join(folder, "junk"), { port: 0 }), { message: /is not a database/ });
	await t.throwsAsync(start(join(folder, "file.sock"), { port: 0 }), { message: /cannot use the data folder/ });
	const server = await start(data, { port: 0 }); // none of the failures kept the lock
	await server.close();
});

test("the command line checks its options", async (t) => {
	t.regex((await runMain(["--help"])).stdout, /--data DIR/);
	for (const [args, message] of [
		[[], /--data DIR/],
		[["--data", "x"], /--socket PATH or --port N/],
		[["--data", "x", "--port", "1", "--socket", "s.sock"], /one address/],
		[["--data", "x", "--port", "abc"], /whole number/],
		[["--data", "x", "--nope"], /--nope/],
	] as const) {
		const { code, stdout, stderr } = await runMain([...args]);
		t.is(code, 1);
		t.is(stdout, "");
		t.regex(stderr, message);
		t.is(stderr.trim().split("\n").length, 1);
	}
});
