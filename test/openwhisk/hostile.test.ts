import { chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import test from "ava";
import { makeContainerFolder } from "#platform/openwhisk/runtime/folder.ts";
import { collectLogs, sentinel } from "#platform/openwhisk/runtime/logs.ts";
import { finished, testPlatform } from "./platform.ts";

/** No process has it: beyond the kernel's greatest. */
const nobodysPid = 4_194_305;
const mib = 1024 * 1024;

const streams = () => ({ stdout: new PassThrough(), stderr: new PassThrough() });

test("a folder that another user left in the shared temporary folder is not touched", async (t) => {
	const parent = mkdtempSync(join(tmpdir(), "openwhisk-test-"));
	t.teardown(() => rmSync(parent, { recursive: true }));
	const [ours, link, theirs] = ["aaaaaa", "bbbbbb", "cccccc"].map((end) =>
		join(parent, `openwhisk-${nobodysPid}-${end}`),
	);
	mkdirSync(join(ours as string, "container-1"), { recursive: true });
	mkdirSync(join(parent, "elsewhere"));
	symlinkSync(join(parent, "elsewhere"), link as string);
	mkdirSync(theirs as string);
	const asRoot = process.getuid?.() === 0;
	if (asRoot) chownSync(theirs as string, 65_534, 65_534);
	await makeContainerFolder(parent);
	t.false(existsSync(ours as string));
	t.true(existsSync(link as string));
	t.true(existsSync(join(parent, "elsewhere")));
	if (asRoot) t.true(existsSync(theirs as string));
});

test("an action that floods its log does not fill the platform", async (t) => {
	const { stdout, stderr } = streams();
	const logs = collectLogs({ stdout, stderr }, () => new Date(0));
	const chunk = Buffer.from(`${"x".repeat(1023)}\n`.repeat(1024));
	const before = process.memoryUsage();
	for (let written = 0; written < 256; written += 1) if (!stdout.write(chunk)) await new Promise(setImmediate);
	stdout.write(`${sentinel}\n`);
	stderr.write(`${sentinel}\n`);
	const after = process.memoryUsage();
	const taken = await logs.take(10 * mib, 5_000);
	t.regex(taken.at(-1) ?? "", /^Logs were truncated because .* 10485760 bytes\.$/);
	t.true(after.heapUsed - before.heapUsed < 100 * mib, "256 MiB were printed and most of it was let go");
	stdout.write(`again\n${sentinel}\n`);
	stderr.write(`${sentinel}\n`);
	t.is((await logs.take(mib, 5_000)).length, 1, "the next activation starts with an empty log");
});

test("a line without an end is cut, and the sentinel behind it still seen", async (t) => {
	const { stdout, stderr } = streams();
	const logs = collectLogs({ stdout, stderr }, () => new Date(0));
	const text = "y".repeat(mib + 10);
	stdout.write(text + sentinel.slice(0, 7));
	await new Promise(setImmediate);
	stdout.write(`${sentinel.slice(7)}\n`);
	stderr.write(`${sentinel}\n`);
	const taken = await logs.take(10 * mib, 5_000);
	t.is(taken.length, 2);
	t.is(taken.map((line) => line.split(": ")[1]).join(""), text);
});

test("a process that an action put into a group of its own cannot break the platform by writing on", async (t) => {
	const platform = await testPlatform();
	t.teardown(() => platform.stop());
	// One level at a time: mkdir with `recursive` never returns in a working folder that was removed (seen in Node 24).
	const script = `const fs = require("node:fs"); const end = Date.now() + 2500;
		const attempt = (act) => { try { act(); } catch {} };
		for (let n = 0; Date.now() < end; n += 1) {
			attempt(() => fs.mkdirSync("deep"));
			attempt(() => fs.mkdirSync("deep/" + n % 50));
			attempt(() => fs.writeFileSync("deep/" + n % 50 + "/" + n % 7, ""));
		}`;
	const code = `function main() {
		const options = { detached: true, stdio: "ignore" };
		require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(script)}], options).unref();
		return new Promise((done) => setTimeout(() => process.exit(1), 400));
	}`;
	await platform.rest("PUT", "actions/escape", { exec: { kind: "nodejs:20", code } });
	const { activationId } = (await platform.rest("POST", "actions/escape", {})).body;
	const { response } = await finished(platform, activationId);
	t.regex(response.result.error, /did not produce a valid response and exited unexpectedly/);
});

test("a slash that is percent-encoded does not reach an action past its package", async (t) => {
	const platform = await testPlatform();
	t.teardown(() => platform.stop());
	const exec = { kind: "nodejs:20", code: "const main = (args) => ({ body: { bound: args.bound ?? null } })" };
	await platform.rest("PUT", "packages/p", { parameters: [{ key: "bound", value: 1 }] });
	await platform.rest("PUT", "actions/p/a", { exec, annotations: [{ key: "web-export", value: true }] });
	const get = (path: string) => fetch(`${platform.apihost}/api/v1/web/guest/${path}`);
	t.deepEqual(await (await get("p/a")).json(), { bound: 1 });
	t.is((await get("default/p%2Fa")).status, 404);
});
