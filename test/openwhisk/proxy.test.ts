import test, { type ExecutionContext } from "ava";
import { strToU8, zipSync } from "fflate";
import { type ActionProxy, availableNodes, startProxy } from "./proxy.ts";

const sentinel = "XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX";
const zip = (files: Record<string, string>) =>
	Buffer.from(zipSync(Object.fromEntries(Object.entries(files).map(([name, text]) => [name, strToU8(text)])))).toString(
		"base64",
	);

const waitFor = async (condition: () => boolean) => {
	for (let attempt = 0; attempt < 100 && !condition(); attempt += 1) await new Promise((done) => setTimeout(done, 20));
};

for (const { name, path } of availableNodes()) {
	const proxied = (title: string, body: (t: ExecutionContext, proxy: ActionProxy) => Promise<void>) =>
		test.serial(`${name}: ${title}`, async (t) => {
			const proxy = await startProxy(path);
			try {
				await body(t, proxy);
			} finally {
				proxy.stop();
			}
		});

	// What each kind of result becomes, one row each: code, argument, status, body.
	const results: [string, string, number, unknown][] = [
		["an object", "function main(a) { return { got: a.x } }", 200, { got: 1 }],
		["a promise of an object", "async function main(a) { return { got: a.x } }", 200, { got: 1 }],
		["undefined", "function main() {}", 200, {}],
		["an array", "function main() { return [1, 2] }", 200, [1, 2]],
		["null", "function main() { return null }", 200, null],
		["a string", "function main() { return 'x' }", 502, { error: "The action did not return a dictionary." }],
		["a number", "async function main() { return 7 }", 502, { error: "The action did not return a dictionary." }],
		["an error object", "function main() { return { error: 'no' } }", 200, { error: "no" }],
		["a rejection without a value", "function main() { return Promise.reject() }", 200, { error: {} }],
		["a rejection with a string", "function main() { return Promise.reject('no') }", 200, { error: "no" }],
		[
			"a cycle",
			"function main() { const a = {}; a.a = a; return a }",
			502,
			{ error: "The action did not return a dictionary." },
		],
	];
	proxied("each kind of result has its answer, and the container goes on", async (t, proxy) => {
		t.is(
			(
				await proxy.init(`const kinds = [${results.map(([, code]) => `(${code})`).join(",\n")}];
			function main({ row, x }) { return kinds[row]({ x }) }`)
			).status,
			200,
		);
		for (const [row, [kind, , status, body]] of results.entries())
			t.deepEqual(await proxy.run({ row, x: 1 }), { status, body }, kind);
	});

	proxied("a synchronous throw stops the container", async (t, proxy) => {
		await proxy.init("function main() { throw new Error('boom') }");
		t.deepEqual(await proxy.run(), { status: 502, body: { error: "An error has occurred: Error: boom" } });
		t.deepEqual(await proxy.run(), { status: 403, body: { error: "System not ready, status is stopped." } });
	});

	proxied("an asynchronous throw is an error result with its own properties", async (t, proxy) => {
		await proxy.init("async function main() { throw Object.assign(new TypeError('late'), { statusCode: 418 }) }");
		const { status, body } = await proxy.run();
		t.is(status, 200);
		t.like(body.error, { name: "TypeError", message: "late", statusCode: 418 });
		t.true(body.error.stack.includes("TypeError: late"));
		t.is((await proxy.run()).status, 200);
	});

	proxied("an uncaught throw ends the process without a sentinel", async (t, proxy) => {
		await proxy.init(
			"function main() { setTimeout(() => { throw new Error('stray') }, 5); return new Promise(() => {}) }",
		);
		await t.throwsAsync(proxy.run());
		await waitFor(() => proxy.child.exitCode !== null);
		t.is(proxy.child.exitCode, 1);
		t.false([...proxy.stdout, ...proxy.stderr].includes(sentinel));
	});

	proxied("init answers once, and refuses what is missing", async (t, proxy) => {
		const missing = { status: 403, body: { error: "Missing main/no code to execute." } };
		t.deepEqual(await proxy.run(), { status: 403, body: { error: "System not ready, status is ready." } });
		t.deepEqual(await proxy.init(""), missing);
		t.deepEqual(await proxy.init("function main() {}", { main: "" }), missing);
		t.deepEqual(await proxy.init("function main() {}"), { status: 200, body: { OK: true } });
		const twice = { status: 403, body: { error: "Cannot initialize the action more than once." } };
		t.deepEqual(await proxy.init("function main() {}"), twice);
	});

	proxied("code that does not load makes the container useless, with sentinels", async (t, proxy) => {
		const { status, body } = await proxy.init("this is not JavaScript");
		t.is(status, 502);
		t.regex(body.error, /^Initialization has failed due to: .*SyntaxError/s);
		t.deepEqual((await proxy.init("function main() {}")).status, 403);
		await waitFor(() => proxy.stdout.length > 0);
		t.deepEqual(proxy.stdout, [sentinel]);
		t.true(proxy.stderr.includes(sentinel));
	});

	proxied("the environment is there before the code loads, and at each run", async (t, proxy) => {
		const code = "const atLoad = { ...process.env }; function main() { return { atLoad, atRun: { ...process.env } } }";
		await proxy.init(code, { env: { __OW_ACTION_NAME: "/guest/test", OBJECT: { a: 1 }, NOTHING: null } });
		const { body } = await proxy.run({}, { activation_id: "abc", deadline: "123" });
		t.like(body.atLoad, { __OW_ACTION_NAME: "/guest/test", OBJECT: '{"a":1}', NOTHING: "" });
		t.is(body.atLoad.__OW_ACTIVATION_ID, undefined);
		t.like(body.atRun, { __OW_ACTIVATION_ID: "abc", __OW_DEADLINE: "123" });
	});

	proxied("what is printed ends with a sentinel on both streams", async (t, proxy) => {
		await proxy.init("function main() { console.log('out'); console.error('err'); return {} }");
		await proxy.run();
		await waitFor(() => proxy.stdout.length === 2 && proxy.stderr.length === 2);
		t.deepEqual(proxy.stdout, ["out", sentinel]);
		t.deepEqual(proxy.stderr, ["err", sentinel]);
	});

	proxied("one run at a time", async (t, proxy) => {
		await proxy.init(
			"const later = (ms) => new Promise((r) => setTimeout(r, ms)); async function main() { await later(300); return {} }",
		);
		const first = proxy.run();
		await new Promise((done) => setTimeout(done, 100));
		t.deepEqual(await proxy.run(), { status: 403, body: { error: "System not ready, status is running." } });
		t.is((await first).status, 200);
	});

	proxied("anything else is a bad request", async (t, proxy) => {
		t.deepEqual(await proxy.post("/other", {}), { status: 500, body: { error: "Bad request." } });
		t.deepEqual(await proxy.post("/init", "{"), { status: 500, body: { error: "Bad request." } });
	});

	const loads: [string, Record<string, unknown>, unknown][] = [
		["plain code that exports", { code: "exports.main = () => ({ from: 'exports' })" }, { from: "exports" }],
		[
			"plain code that replaces its exports",
			{ code: "module.exports = { main: () => ({ from: 'module' }) }" },
			{ from: "module" },
		],
		[
			"a dotted main in plain code",
			{ code: "const o = { fn() { return { same: this === o, found: true } } }", main: "o.fn" },
			{ same: false, found: true },
		],
		[
			"a zip with index.js",
			{ binary: true, code: zip({ "index.js": "exports.main = () => ({ from: 'index' })" }) },
			{ from: "index" },
		],
		[
			"a zip whose package.json names another file",
			{
				binary: true,
				code: zip({
					"package.json": '{"main":"lib/a.js"}',
					"lib/a.js": "exports.main = () => ({ dir: process.cwd() === require('node:path').dirname(__dirname) })",
				}),
			},
			{ dir: true },
		],
		[
			"a dotted main in a zip",
			{
				binary: true,
				main: "mod.fn.sub",
				code: zip({ "package.json": "{}", "mod.js": "exports.fn = { sub: () => ({ from: 'sub' }) }" }),
			},
			{ from: "sub" },
		],
	];
	for (const [kind, value, body] of loads)
		proxied(`loads ${kind}`, async (t, proxy) => {
			t.deepEqual(await proxy.init(value.code as string, value), { status: 200, body: { OK: true } });
			t.deepEqual(await proxy.run(), { status: 200, body });
		});

	const failures: [string, Record<string, unknown>, RegExp][] = [
		["a zip without an entry", { binary: true, code: zip({ "a.js": "" }) }, /package\.json or index\.js/],
		["bytes that are no zip", { binary: true, code: Buffer.from("nothing").toString("base64") }, /not a zip/],
		["a cut zip", { binary: true, code: zip({ "index.js": "exports.main = 1" }).slice(0, 40) }, /failed due to/],
		["a zip that climbs out", { binary: true, code: zip({ "../x.js": "", "index.js": "" }) }, /outside of its folder/],
		["a main that is no function", { code: "const main = 3" }, /'main' is not a function/],
		["a main that is not there", { code: "const other = 3", main: "main" }, /'main' is not a function/],
		["a main that is code", { code: "function main() {}", main: "process.exit()" }, /not a dotted name/],
	];
	for (const [kind, value, reason] of failures)
		proxied(`refuses ${kind}`, async (t, proxy) => {
			const { status, body } = await proxy.init(value.code as string, value);
			t.is(status, 502);
			t.regex(body.error, reason);
		});

	proxied("exits when whoever started it goes away", async (t, proxy) => {
		proxy.child.stdin?.end();
		await waitFor(() => proxy.child.exitCode !== null);
		t.is(proxy.child.exitCode, 0);
	});
}
