import test from "ava";
import { testPlatform } from "./platform.ts";
import type { Json } from "./proxy.ts";

const platform = await testPlatform();
test.after.always(() => platform.stop(100));

const code = "function main(args) { return args }";
const exec = { kind: "nodejs:default", code };
const values = (list: Json[]) => Object.fromEntries(list.map(({ key, value }: Json) => [key, value]));

test("what needs no key: the version documents and ping", async (t) => {
	const root: Json = await (await fetch(platform.apihost)).json();
	t.deepEqual(root.api_paths, ["/api/v1"]);
	t.deepEqual(
		root.runtimes.nodejs.filter((runtime: Json) => runtime.default).map(({ kind }: Json) => kind),
		["nodejs:20"],
	);
	t.like(await (await fetch(`${platform.apihost}/api/v1`)).json(), { api_version: "1.0.0", api_version_path: "v1" });
	t.is(await (await fetch(`${platform.apihost}/ping`)).text(), "pong");
});

test("no key, a wrong key: 401 with the realm; a foreign namespace: 403; nothing: 404", async (t) => {
	for (const authorization of [undefined, "Basic !!", `Basic ${Buffer.from("a:b").toString("base64")}`, "Bearer x"]) {
		const response = await fetch(`${platform.apihost}/api/v1/namespaces`, {
			headers: authorization ? { authorization } : {},
		});
		t.is(response.status, 401);
		t.is(response.headers.get("www-authenticate"), 'Basic realm="OpenWhisk secure realm"');
		const { error, code } = (await response.json()) as Json;
		t.regex(error, /requires authentication/);
		t.is(code, response.headers.get("x-request-id"));
	}
	const authorization = `Basic ${Buffer.from(platform.auth).toString("base64")}`;
	const get = (path: string, headers = {}) =>
		fetch(`${platform.apihost}${path}`, { headers: { authorization, ...headers } });
	const foreign = await get("/api/v1/namespaces/other/actions", { "x-request-id": "mine" });
	t.is(foreign.status, 403);
	t.deepEqual(await foreign.json(), {
		error: "The supplied authentication is not authorized to access 'other'.",
		code: "mine",
	});
	const nothing = await get("/api/v1/nothing");
	t.is(nothing.status, 404);
	t.is(((await nothing.json()) as Json).error, "The requested resource does not exist.");
	t.deepEqual(await platform.client.namespaces.list(), ["guest"]);
});

test("an action is created once, and changed only with overwrite", async (t) => {
	const created = await platform.rest("PUT", "actions/once", { exec, parameters: [{ key: "a", value: 1 }] });
	t.is(created.status, 200);
	t.like(created.body, { namespace: "guest", name: "once", version: "0.0.1", publish: false });
	t.deepEqual(created.body.exec, { kind: "nodejs:20", code, binary: false });
	t.deepEqual(created.body.limits, { timeout: 60_000, memory: 256, logs: 10, concurrency: 1 });
	t.deepEqual(values(created.body.annotations), { exec: "nodejs:20", "provide-api-key": false });
	const again = await platform.rest("PUT", "actions/once", { exec });
	t.is(again.status, 409);
	t.is(again.body.error, "resource already exists");
	t.is((await platform.rest("DELETE", "actions/once")).body.name, "once");
	t.is((await platform.rest("GET", "actions/once")).status, 404);
	t.is((await platform.rest("DELETE", "actions/once")).status, 404);
});

test("an overwrite bumps the patch, keeps what it leaves out, merges annotations and replaces parameters", async (t) => {
	const annotations = [
		{ key: "kept", value: 1 },
		{ key: "changed", value: 1 },
		{ key: "dropped", value: 1 },
	];
	const parameters = [{ key: "old", value: 1 }];
	await platform.rest("PUT", "actions/merge", { exec, annotations, parameters, limits: { timeout: 1000 } });
	const update = {
		annotations: [{ key: "changed", value: 2 }],
		delAnnotations: ["dropped"],
		parameters: [{ key: "new", value: 2 }],
		limits: { memory: 128 },
	};
	const { body } = await platform.rest("PUT", "actions/merge?overwrite=true", update);
	t.is(body.version, "0.0.2");
	t.is(body.exec.code, code);
	t.deepEqual(body.limits, { timeout: 1000, memory: 128, logs: 10, concurrency: 1 });
	t.deepEqual(values(body.annotations), { kept: 1, changed: 2, exec: "nodejs:20", "provide-api-key": false });
	t.deepEqual(body.parameters, [{ key: "new", value: 2 }]);
	t.is((await platform.rest("PUT", "actions/merge?overwrite=true", { version: "1.2.3" })).body.version, "1.2.3");
	t.is((await platform.rest("PUT", "actions/merge?overwrite=true", {})).body.version, "1.2.4");
	t.is((await platform.rest("PUT", "actions/merge?overwrite=true", { version: "x" })).status, 400);
});

const refusals: [string, unknown, RegExp][] = [
	["no exec", {}, /^exec undefined$/],
	["an unknown kind", { exec: { kind: "perl:5", code } }, /^kind 'perl:5' not in Set\(nodejs:18, nodejs:20\)$/],
	["no code", { exec: { kind: "nodejs:20" } }, /'code' must be a string defined in 'exec' for 'nodejs:20' actions/],
	[
		"a timeout over the limit",
		{ exec, limits: { timeout: 300_001 } },
		/'timeout' must be from 100 to 300000 milliseconds/,
	],
	["memory under the limit", { exec, limits: { memory: 64 } }, /'memory' must be from 128 to 512 MB/],
	["parameters that are no list", { exec, parameters: { a: 1 } }, /'parameters' must be a list/],
	["a body that is no JSON", "{", /request content was malformed/],
	["a body that is no object", "[1]", /JSON object is expected/],
];
for (const [what, body, reason] of refusals)
	test(`creating an action with ${what} is 400`, async (t) => {
		const { status, body: answer } = await platform.rest("PUT", "actions/refused", body);
		t.is(status, 400);
		t.regex(answer.error, reason);
	});

test("names: what is allowed and what is not", async (t) => {
	for (const name of ["a", "_x", "a%20b", "a.b-c@d", "ü"]) {
		const { status } = await platform.rest("PUT", `actions/${name}?overwrite=true`, { exec });
		t.is(status, name === "ü" ? 400 : 200, name);
	}
	for (const name of ["-a", "a%20", "a$b", "x".repeat(257)])
		t.is((await platform.rest("PUT", `actions/${name}`, { exec })).status, 400, name);
});

test("a name belongs to one collection", async (t) => {
	await platform.rest("PUT", "actions/shared", { exec });
	const { status, body } = await platform.rest("GET", "triggers/shared");
	t.is(status, 409);
	t.is(body.error, "Resource by this name exists but is not in this collection.");
	t.is((await platform.rest("PUT", "packages/shared", {})).status, 409);
});

test("a package gives its parameters to its actions, and is deleted empty or by force", async (t) => {
	const parameters = [
		{ key: "a", value: "package" },
		{ key: "b", value: "package" },
	];
	t.is((await platform.rest("PUT", "actions/pack/none", { exec })).status, 404);
	const created = await platform.rest("PUT", "packages/pack", { parameters });
	t.like(created.body, { namespace: "guest", name: "pack", version: "0.0.1", binding: {} });
	await platform.rest("PUT", "actions/pack/act", { exec, parameters: [{ key: "b", value: "action" }] });
	const { body } = await platform.rest("POST", "actions/pack/act?blocking=true&result=true", { c: "call" });
	t.deepEqual(body, { a: "package", b: "action", c: "call" });
	const action = (await platform.rest("GET", "actions/pack/act?code=false")).body;
	t.is(action.namespace, "guest/pack");
	t.is(action.exec.code, undefined);
	t.deepEqual(values(action.parameters), { a: "package", b: "action" });
	t.is((await platform.rest("GET", "packages/pack")).body.actions[0].name, "act");
	t.deepEqual(
		(await platform.rest("GET", "actions/pack/")).body.map(({ name }: Json) => name),
		["act"],
	);

	const updated = await platform.rest("PUT", "packages/pack?overwrite=true", {
		parameters: [{ key: "a", value: "new" }],
	});
	t.is(updated.body.version, "0.0.2");
	const after = await platform.rest("POST", "actions/pack/act?blocking=true&result=true", {});
	t.deepEqual(after.body, { a: "new", b: "action" });

	const full = await platform.rest("DELETE", "packages/pack");
	t.is(full.status, 409);
	t.regex(full.body.error, /^Package not empty \(contains 1 entity\)\./);
	t.is((await platform.rest("DELETE", "packages/pack?force=true")).status, 200);
	t.is((await platform.rest("GET", "actions/pack/act")).status, 404);
	const reserved = await platform.rest("PUT", "packages/default", {});
	t.is(reserved.body.error, "Package name 'default' is reserved.");
});

test("final protects bound parameters at invocation", async (t) => {
	const parameters = [
		{ key: "fixed", value: 1 },
		{ key: "open", value: null },
	];
	await platform.rest("PUT", "actions/final", { exec, parameters, annotations: [{ key: "final", value: true }] });
	const { status, body } = await platform.rest("POST", "actions/final?blocking=true", { fixed: 2 });
	t.is(status, 400);
	t.is(body.error, "Request defines parameters that are not allowed (e.g., reserved properties).");
	const open = await platform.rest("POST", "actions/final?blocking=true&result=true", { open: 2 });
	t.deepEqual(open.body, { fixed: 1, open: 2 });
});

test("a body over 1 MiB is 413, the code of an action may be larger", async (t) => {
	const { status, body } = await platform.rest("POST", "actions/any", { text: "x".repeat(1_048_576) });
	t.is(status, 413);
	t.is(body.error, "Request larger than allowed: 1048587 > 1048576 bytes.");
	const large = { kind: "nodejs:20", code: `// ${"x".repeat(3_000_000)}\n${code}` };
	t.is((await platform.rest("PUT", "actions/large", { exec: large })).status, 200);
	const run = await platform.rest("POST", "actions/large?blocking=true&result=true", { a: 1 });
	t.deepEqual(run.body, { a: 1 });
});

test("base64 is taken for an archive even when the client does not say so", async (t) => {
	const { body } = await platform.rest("PUT", "actions/zipped", { exec: { kind: "nodejs:20", code: "UEsDBA==" } });
	t.true(body.exec.binary);
});

test("lists: newest first, limit, skip, count", async (t) => {
	const other = await testPlatform();
	try {
		for (const name of ["t1", "t2", "t3"]) {
			await other.rest("PUT", `triggers/${name}`, {});
			await new Promise((done) => setTimeout(done, 3));
		}
		const names = async (query: string) =>
			(await other.rest("GET", `triggers${query}`)).body.map(({ name }: Json) => name);
		t.deepEqual(await names(""), ["t3", "t2", "t1"]);
		t.deepEqual(await names("?limit=1&skip=1"), ["t2"]);
		t.deepEqual(await names("?limit=0"), ["t3", "t2", "t1"]);
		t.deepEqual((await other.rest("GET", "triggers?count=true")).body, { triggers: 3 });
		for (const query of ["?limit=201", "?limit=-1", "?limit=x", "?skip=x"])
			t.is((await other.rest("GET", `triggers${query}`)).status, 400, query);
	} finally {
		await other.stop();
	}
});

test("activations are listed newest first, by name and time, and only so many are kept", async (t) => {
	const other = await testPlatform({ activationsKept: 150 });
	try {
		await other.rest("PUT", "packages/p", {});
		await other.rest("PUT", "actions/p/a", { exec });
		await other.rest("PUT", "actions/b", { exec });
		const invoke = async (name: string) => (await other.rest("POST", `actions/${name}?blocking=true`, {})).body;
		await invoke("p/a");
		const second = await invoke("b");
		const list = async (query: string) => (await other.rest("GET", `activations${query}`)).body;
		t.deepEqual(
			(await list("")).map(({ name }: Json) => name),
			["b", "a"],
		);
		t.deepEqual(
			(await list("?name=p/a")).map(({ name }: Json) => name),
			["a"],
		);
		t.deepEqual(
			(await list(`?since=${second.start}`)).map(({ name }: Json) => name),
			["b"],
		);
		t.deepEqual(
			(await list(`?upto=${second.start - 1}`)).map(({ name }: Json) => name),
			["a"],
		);
		t.deepEqual(await list("?count=true"), { activations: 2 });
		const [summary] = await list("?limit=1");
		t.is(summary.logs, undefined);
		t.is(summary.statusCode, 0);
		t.deepEqual((await list("?limit=1&docs=true"))[0].logs, []);
		for (let call = 0; call < 200; call += 1) await invoke("b");
		const { activations } = await list("?count=true");
		t.true(activations >= 150 && activations <= 152, `${activations} are kept`);
	} finally {
		await other.stop();
	}
});
