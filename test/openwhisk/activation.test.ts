import test from "ava";
import { alive } from "./alive.ts";
import { finished, testPlatform } from "./platform.ts";
import type { Json } from "./proxy.ts";

const platform = await testPlatform({ maxContainers: 40 });
test.after.always(() => platform.stop(100));

/** Creates an action named after its test and invokes it, blocking. */
async function once(name: string, code: string, body: Record<string, unknown> = {}, args: unknown = {}): Promise<Json> {
	await platform.rest("PUT", `actions/${name}`, { exec: { kind: "nodejs:20", code }, ...body });
	return platform.rest("POST", `actions/${name}?blocking=true`, args);
}

test.serial("a finished activation has the whole record, cold and warm", async (t) => {
	const code = "function main({ n }) { console.log('n', n); console.error('e'); return { n, pid: process.pid } }";
	const { status, body, headers } = await once("record", code, { parameters: [{ key: "n", value: 1 }] });
	t.is(status, 200);
	t.is(headers.get("x-openwhisk-activation-id"), body.activationId);
	t.like(body, { namespace: "guest", name: "record", version: "0.0.1", subject: "guest", publish: false });
	t.like(body.response, { status: "success", statusCode: 0, success: true, result: { n: 1 } });
	t.is(body.duration, body.end - body.start);
	t.regex(body.activationId, /^[0-9a-f]{32}$/);
	t.regex(body.logs[0], /^\d{4}-\d\d-\d\dT[\d:.]+Z +stdout: n 1$/);
	t.regex(body.logs[1], /^\d{4}-\d\d-\d\dT[\d:.]+Z +stderr: e$/);
	t.is(body.logs.length, 2);
	const notes = Object.fromEntries(body.annotations.map(({ key, value }: Json) => [key, value]));
	t.like(notes, { path: "guest/record", kind: "nodejs:20", timeout: false });
	t.true(notes.initTime > 0);

	const warm = await platform.rest("POST", "actions/record?blocking=true", { n: 2 });
	t.is(warm.body.response.result.pid, body.response.result.pid);
	t.is(warm.body.response.result.n, 2);
	t.false(warm.body.annotations.some(({ key }: Json) => key === "initTime"));
	t.deepEqual((await platform.rest("GET", `activations/${body.activationId}`)).body, body);
	t.deepEqual((await platform.rest("GET", `activations/${body.activationId}/logs`)).body, { logs: body.logs });
	const result = { result: body.response.result, success: true, status: "success" };
	t.deepEqual((await platform.rest("GET", `activations/${body.activationId}/result`)).body, result);
});

const failures: [string, string, string, RegExp][] = [
	["returned-error", "() => ({ error: 'no' })", "application error", /^no$/],
	["rejects", "async () => { throw new Error('late') }", "application error", /late/],
	["throws", "() => { throw new Error('boom') }", "action developer error", /^An error has occurred: Error: boom$/],
	["string", "() => 'x'", "action developer error", /^The action did not return a dictionary\.$/],
	["null", "() => null", "action developer error", /^The action did not return a dictionary\.$/],
	[
		"exits",
		"() => process.exit(3)",
		"action developer error",
		/did not produce a valid response and exited unexpectedly/,
	],
];
for (const [name, code, expected, message] of failures)
	test.serial(`${name}: ${expected}, answered 502`, async (t) => {
		const { status, body } = await once(`fail-${name}`, `const main = ${code}`);
		t.is(status, 502);
		t.like(body.response, { status: expected, success: false });
		const { error } = body.response.result;
		t.regex(typeof error === "string" ? error : error.message, message);
		t.deepEqual((await platform.rest("POST", `actions/fail-${name}?blocking=true&result=true`, {})).status, 502);
	});

test.serial("code that does not load is a developer error, each time anew", async (t) => {
	for (let time = 0; time < 2; time += 1) {
		const { status, body } = await once(`no-load`, "syntax error", {}).then((first) =>
			time === 0 ? first : platform.rest("POST", "actions/no-load?blocking=true", {}),
		);
		t.is(status, 502);
		t.regex(body.response.result.error, /^Initialization has failed due to: .*SyntaxError/s);
	}
});

test.serial("a synchronous throw costs the container, a rejection does not", async (t) => {
	const code = `let calls = 0; function main({ how }) { calls += 1;
		if (how === 'throw') throw new Error('x'); if (how === 'reject') return Promise.reject(new Error('x')); return { calls } }`;
	t.is((await once("state", code)).body.response.result.calls, 1);
	await platform.rest("POST", "actions/state?blocking=true", { how: "reject" });
	t.is((await platform.rest("POST", "actions/state?blocking=true", {})).body.response.result.calls, 3);
	await platform.rest("POST", "actions/state?blocking=true", { how: "throw" });
	t.is((await platform.rest("POST", "actions/state?blocking=true", {})).body.response.result.calls, 1);
});

test.serial("an action over its time is killed, even in an endless loop, with what it started", async (t) => {
	const code = `const { spawn } = require('node:child_process');
		function main() { const child = spawn('sleep', ['60']); console.log(process.pid); console.log(child.pid); for (;;); }`;
	const { status, body } = await once("endless", code, { limits: { timeout: 1_500 } });
	t.is(status, 502);
	t.is(body.response.result.error, "The action exceeded its time limits of 1500 milliseconds.");
	t.true(body.annotations.find(({ key }: Json) => key === "timeout").value);
	const [own, child] = body.logs.map((line: string) => Number(line.split(": ")[1]));
	t.true(own > 1 && child > 1);
	await new Promise((done) => setTimeout(done, 100));
	t.false(alive(own));
	t.false(alive(child));
	t.regex(body.logs.at(-1), /Data might be missing/);
});

test.serial("loading counts against the time limit too", async (t) => {
	const { body } = await once("slow-load", "for (;;); function main() {}", { limits: { timeout: 300 } });
	t.is(body.response.result.error, "The action exceeded its time limits of 300 milliseconds during initialization.");
});

test.serial("memory beyond the limit ends the action with the reason", async (t) => {
	const code = "function main() { const held = []; for (;;) held.push(new Array(100000).fill(1.5)) }";
	await platform.rest("PUT", "actions/hungry", { exec: { kind: "nodejs:20", code }, limits: { memory: 128 } });
	const { activationId } = (await platform.rest("POST", "actions/hungry", {})).body;
	const { response } = await finished(platform, activationId, 20_000);
	t.is(response.result.error, "The action exhausted its memory and was aborted.");
});

test.serial("a result over 1 MiB is an application error that shows its beginning", async (t) => {
	const { status, body } = await once("large", "function main() { return { text: 'x'.repeat(1100000) } }");
	t.is(status, 502);
	t.is(body.response.status, "application error");
	t.regex(
		body.response.result.error,
		/exceeded the allowed length: 1100011 > 1048576 bytes\. The truncated response was: \{"text":"xxx/,
	);
});

test.serial("the API key is there only when asked for, and nothing of the platform's own environment", async (t) => {
	process.env.HOLDFAST_TEST_SECRET = "do not leak";
	const code = "function main() { return { ...process.env } }";
	const without = (await once("env", code)).body.response.result;
	const annotations = [{ key: "provide-api-key", value: true }];
	const granted = (await once("env-key", code, { annotations })).body.response.result;
	t.is(without.__OW_API_KEY, undefined);
	t.is(granted.__OW_API_KEY, platform.auth);
	t.like(granted, { __OW_NAMESPACE: "guest", __OW_ACTION_NAME: "/guest/env-key", __OW_API_HOST: platform.apihost });
	t.true(Number(granted.__OW_DEADLINE) > Date.now());
	t.is(without.HOLDFAST_TEST_SECRET, undefined);
});

test.serial("parameters marked init go to the environment and not to the arguments", async (t) => {
	const parameters = [
		{ key: "URI", value: { host: "x" }, init: true },
		{ key: "plain", value: 1 },
	];
	const { body } = await once("init", "const at = process.env.URI; function main(a) { return { at, a } }", {
		parameters,
	});
	t.deepEqual(body.response.result, { at: '{"host":"x"}', a: { plain: 1 } });
});

test.serial("a non-blocking invocation is 202 at once and 404 until it has finished", async (t) => {
	const code = "const main = () => new Promise((r) => setTimeout(() => r({ done: true }), 500))";
	await platform.rest("PUT", "actions/later", { exec: { kind: "nodejs:20", code } });
	const { status, body } = await platform.rest("POST", "actions/later", {});
	t.is(status, 202);
	t.deepEqual(Object.keys(body), ["activationId"]);
	t.is((await platform.rest("GET", `activations/${body.activationId}`)).status, 404);
	t.deepEqual((await finished(platform, body.activationId)).response.result, { done: true });
});

test.serial("a blocking invocation that takes too long is 202, by the platform's wait or the caller's", async (t) => {
	const impatient = await testPlatform({ blockingWaitMs: 300 });
	try {
		const code = "const main = () => new Promise((r) => setTimeout(() => r({ done: true }), 900))";
		await impatient.rest("PUT", "actions/long", { exec: { kind: "nodejs:20", code } });
		const { status, body } = await impatient.rest("POST", "actions/long?blocking=true", {});
		t.is(status, 202);
		t.deepEqual((await finished(impatient, body.activationId)).response.result, { done: true });
	} finally {
		await impatient.stop(100);
	}
	await platform.rest("PUT", "actions/endless-wait", {
		exec: { kind: "nodejs:20", code: "const main = () => new Promise(() => {})" },
	});
	const started = Date.now();
	t.is((await platform.rest("POST", "actions/endless-wait?blocking=true&timeout=200", {})).status, 202);
	t.true(Date.now() - started < 10_000);
});

test.serial("the client unwraps results and raises failures with their status", async (t) => {
	const { actions, activations } = platform.client;
	await actions.create({ name: "client", action: "function main(a) { return a.fail ? { error: a } : { a } }" });
	const result = await actions.invoke({ name: "client", blocking: true, result: true, params: { x: 1 } });
	t.deepEqual(result, { a: { x: 1 } });
	const error = await t.throwsAsync(actions.invoke({ name: "client", blocking: true, params: { fail: true } }), {
		any: true, // the client's error is no Error
	});
	t.is((error as Json).statusCode, 502);
	const { activationId } = await actions.invoke({ name: "client" });
	await finished(platform, activationId);
	t.like((await activations.get(activationId)).response, { success: true });
	t.true((await activations.result({ name: activationId })).success);
	t.deepEqual(await activations.logs({ name: activationId }), { logs: [] });
});

test.serial("an array is passed as it is, and comes back bare", async (t) => {
	const { body } = await once("array", "function main(list) { return list.map((n) => n * 2) }", {}, [1, 2]);
	t.deepEqual(body, [2, 4]);
});
