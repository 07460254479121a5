import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import openwhisk from "openwhisk";
import { alive } from "./alive.ts";
import { startProgram } from "./process.ts";
import type { Json } from "./proxy.ts";

const script = "platform/openwhisk/main.ts";
const auth = "11111111-2222-3333-4444-555555555555:secret";
const args = ["--store-uri", "memory:", "--auth", auth];
const clientOf = (apihost: string) => openwhisk({ apihost, api_key: auth, namespace: "_" });

const until = async (condition: () => boolean, waitMs = 5_000) => {
	for (let waitedMs = 0; waitedMs < waitMs && !condition(); waitedMs += 20)
		await new Promise((done) => setTimeout(done, 20));
	return condition();
};

test("it says where it is, takes its key from a file, and ends on SIGTERM", async (t) => {
	const folder = mkdtempSync(join(tmpdir(), "openwhisk-test-"));
	try {
		writeFileSync(join(folder, "auth"), `${auth}\n`);
		const options = ["--store-uri", "memory:", "--auth-file", join(folder, "auth"), "--namespace", "mine"];
		const program = await startProgram(script, options);
		t.like(program.ready, { ready: true, namespace: "mine" });
		t.regex(program.ready.apihost, /^http:\/\/127\.0\.0\.1:\d+$/);
		t.deepEqual(await clientOf(program.ready.apihost).namespaces.list(), ["mine"]);
		t.is(await program.end("SIGTERM"), 0);
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
});

test("SIGTERM lets a running activation end and answers it", async (t) => {
	const program = await startProgram(script, args);
	const client = clientOf(program.ready.apihost);
	const code = "const main = () => new Promise((r) => setTimeout(() => r({ pid: process.pid }), 600))";
	await client.actions.create({ name: "slow", action: code });
	const running = client.actions.invoke({ name: "slow", blocking: true, result: true });
	await new Promise((done) => setTimeout(done, 250));
	const ended = program.end("SIGTERM");
	const { pid } = (await running) as Json;
	t.is(await ended, 0);
	t.false(alive(pid));
});

test("SIGKILL leaves no action process behind, idle, busy or in an endless loop", async (t) => {
	const folder = mkdtempSync(join(tmpdir(), "openwhisk-test-"));
	t.teardown(() => rmSync(folder, { recursive: true, force: true }));
	const program = await startProgram(script, args, { TMPDIR: folder });
	const client = clientOf(program.ready.apihost);
	const code =
		"function main({ how }) { if (how === 'loop') for (;;); if (how === 'wait') return new Promise(() => {}); return { pid: process.pid } }";
	const pids: number[] = [];
	for (const how of ["", "wait", "loop"]) {
		await client.actions.create({ name: `a${how}`, action: code });
		const { pid } = (await client.actions.invoke({ name: `a${how}`, blocking: true, result: true })) as Json;
		pids.push(pid);
		if (how !== "") await client.actions.invoke({ name: `a${how}`, params: { how } });
	}
	await new Promise((done) => setTimeout(done, 200));
	t.true(pids.every(alive));
	await program.end("SIGKILL");
	t.true(await until(() => !pids.some(alive)), `still running: ${pids.filter(alive)}`);

	// The folders it could not remove are removed by the next one.
	const [orphan = ""] = readdirSync(folder);
	const next = await startProgram(script, args, { TMPDIR: folder });
	t.is(readdirSync(folder).length, 1);
	t.false(readdirSync(folder).includes(orphan));
	t.is(await next.end("SIGTERM"), 0);
	t.deepEqual(readdirSync(folder), []);
});

test("bad options and help", async (t) => {
	const run = promisify(execFile);
	const { stdout } = await run(process.execPath, [script, "--help"]);
	t.regex(stdout, /--store-uri URI/);
	const refusals: [string[], RegExp][] = [
		[["--auth", auth], /^Give the store with --store-uri URI or in OPENWHISK_STORE_URI\.$/m],
		[["--store-uri", "memory:"], /^Give the API key with --auth-file/m],
		[["--store-uri", "memory:", "--auth", "x"], /^The API key must be of the form UUID:KEY\.$/m],
		[["--store-uri", "file:x", "--auth", auth], /^--store-uri must be a mongodb:\/\/ URI/m],
		[[...args, "--port", "x"], /^--port must be a number from 0 to 65535/m],
		[[...args, "--containers", "0"], /^maxContainers must be a whole number/m],
		[[...args, "--colour"], /Unknown option '--colour'/],
	];
	for (const [options, reason] of refusals) {
		const error = await t.throwsAsync(run(process.execPath, [script, ...options]));
		t.regex((error as Json).stderr, reason);
		t.is((error as Json).code, 1);
	}
});

test("a Node that is not there is an internal error of the activation, not of the platform", async (t) => {
	const program = await startProgram(script, [...args, "--node", "/nowhere/node"]);
	const client = clientOf(program.ready.apihost);
	await client.actions.create({ name: "a", action: "function main() {}" });
	const error: Json = await t.throwsAsync(client.actions.invoke({ name: "a", blocking: true }), { any: true });
	t.is(error.statusCode, 502);
	t.deepEqual(await client.namespaces.list(), ["guest"]);
	t.is(await program.end("SIGTERM"), 0);
});
