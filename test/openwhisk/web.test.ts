import test from "ava";
import { testPlatform } from "./platform.ts";
import type { Json } from "./proxy.ts";

const platform = await testPlatform();

/** Answers with its arguments, or with what the header `x-answer` says. */
const code = `function main(args) {
	const asked = args.__ow_headers['x-answer'];
	if (asked === undefined) return { body: args };
	const answer = JSON.parse(asked);
	if (answer.throws) throw new Error('boom');
	if (answer.rejects) return Promise.reject(Object.assign(new Error('late'), answer.rejects));
	return answer;
}`;
const webExport = { key: "web-export", value: true };
const raw = [webExport, { key: "raw-http", value: true }];

async function put(name: string, annotations: Json[], parameters: Json[] = []) {
	const exec = { kind: "nodejs:20", code };
	const { status } = await platform.rest("PUT", `actions/${name}?overwrite=true`, { exec, annotations, parameters });
	if (status !== 200) throw new Error(`PUT ${name}: ${status}`);
}

await platform.rest("PUT", "packages/pkg", { parameters: [{ key: "bound", value: "package" }] });
await put("pkg/plain", [webExport], [{ key: "nothing", value: null }]);
await put("pkg/raw", raw);
await put("pkg/final", [webExport, { key: "final", value: true }]);
await put("pkg/private", []);
await put("default-action", [webExport]);

type Call = { method?: string; headers?: Record<string, string>; body?: string | Uint8Array; answer?: unknown };
const call = (path: string, { method = "GET", headers = {}, body, answer }: Call = {}) =>
	fetch(`${platform.apihost}/api/v1/web/guest/${path}`, {
		method,
		headers: answer === undefined ? headers : { ...headers, "x-answer": JSON.stringify(answer) },
		...(body === undefined ? {} : { body }),
	});
const args = async (path: string, options?: Call): Promise<Json> => (await call(path, options)).json();
const basic = `Basic ${Buffer.from(platform.auth).toString("base64")}`;

test.after.always(() => platform.stop(100));

test("the request reaches a plain action as arguments", async (t) => {
	const got = await args("pkg/plain.http/a%20b/c/?x=1&x=2&y=z", {
		method: "POST",
		headers: { "content-type": "application/json", "X-Custom": "v" },
		body: JSON.stringify({ y: "body", z: 3 }),
	});
	t.like(got, { bound: "package", x: "2", y: "body", z: 3, __ow_method: "post", __ow_path: "/a%20b/c/" });
	t.like(got.__ow_headers, { "x-custom": "v", "content-type": "application/json" });
	t.is(got.__ow_user, undefined);
	t.is(got.__ow_body, undefined);
	t.is(got.__ow_headers["content-length"], undefined);
	t.is((await args("pkg/plain")).__ow_path, "");
	t.is((await args("default/default-action/x")).__ow_path, "/x");
});

test("every verb reaches the action", async (t) => {
	for (const method of ["GET", "DELETE", "POST", "PUT", "PATCH"])
		t.is((await args("pkg/plain", { method })).__ow_method, method.toLowerCase());
	t.is((await call("pkg/plain", { method: "HEAD", answer: { statusCode: 204 } })).status, 204);
});

test("bodies of a plain action: form, text, bytes, scalars, nonsense", async (t) => {
	const post = (type: string, body: string | Uint8Array) =>
		args("pkg/plain", { method: "POST", headers: { "content-type": type }, body });
	t.like(await post("application/x-www-form-urlencoded", "a=1&b=x+y"), { a: "1", b: "x y" });
	t.is((await post("text/plain", "héllo")).__ow_body, "héllo");
	t.is((await post("application/octet-stream", new Uint8Array([0, 255]))).__ow_body, "AP8=");
	t.deepEqual((await post("application/json", "[1,2]")).__ow_body, [1, 2]);
	const malformed = await call("pkg/plain", {
		method: "POST",
		headers: { "content-type": "application/json" },
		body: "{",
	});
	t.is(malformed.status, 400);
});

test("a raw action gets query and body as they are, JSON and bytes in base64", async (t) => {
	const post = (type: string, body: string) =>
		args("pkg/raw.http/p?a=1&a=%20&__ow_x", { method: "POST", headers: { "content-type": type }, body });
	const json = await post("application/json", '{"bound":"mine"}');
	t.like(json, { __ow_query: "a=1&a=%20&__ow_x", __ow_path: "/p", bound: "package" });
	t.is(Buffer.from(json.__ow_body, "base64").toString(), '{"bound":"mine"}');
	t.is((await post("application/problem+json", "{}")).__ow_body, "e30=");
	t.is((await post("application/octet-stream", "x")).__ow_body, "eA==");
	t.is((await post("text/plain", "x")).__ow_body, "x");
	t.is((await post("application/x-www-form-urlencoded", "a=1")).__ow_body, "a=1");
	t.like(await args("pkg/raw"), { __ow_body: "", __ow_query: "" });
});

test("reserved names and protected parameters are refused, except in raw actions", async (t) => {
	for (const path of ["pkg/plain?__ow_user=me", "pkg/final?bound=mine"]) {
		const response = await call(path);
		t.is(response.status, 400, path);
		t.regex(((await response.json()) as Json).error, /parameters that are not allowed/);
	}
	t.is((await args("pkg/plain?bound=mine")).bound, "mine");
	t.is((await call("pkg/raw?__ow_user=me")).status, 200);
});

const answers: [string, string, unknown, number, string | null, string | Json][] = [
	["an object body", "", { body: { a: 1 } }, 200, "application/json", { a: 1 }],
	[
		"status and headers",
		"",
		{ statusCode: 201, headers: { "X-A": 1, "X-B": true }, body: "t" },
		201,
		"text/html; charset=utf-8",
		"t",
	],
	["a status as text", "", { statusCode: "404", body: "no" }, 404, "text/html; charset=utf-8", "no"],
	["a type of its own", "", { headers: { "Content-Type": "text/csv" }, body: "a,b" }, 200, "text/csv", "a,b"],
	["no body", "", { statusCode: 200, headers: { "content-type": "text/csv" } }, 200, null, ""],
	["no body and no status", "", { other: 1 }, 204, null, ""],
	["an empty body", "", { body: "" }, 204, null, ""],
	["a number as body", "", { body: 7 }, 200, "application/json", 7],
	[
		"a JSON type pretty printed",
		"",
		{ headers: { "content-type": "application/problem+json" }, body: { a: 1 } },
		200,
		"application/problem+json",
		'{\n  "a": 1\n}',
	],
	[
		"JSON as text",
		"",
		{ headers: { "content-type": "application/json" }, body: '{"a":1}' },
		200,
		"application/json",
		'{"a":1}',
	],
	[
		"JSON in base64",
		"",
		{ headers: { "content-type": "application/json" }, body: "eyJhIjoxfQ==" },
		200,
		"application/json",
		'{"a":1}',
	],
	[
		"bytes in base64",
		"",
		{ headers: { "content-type": "image/png" }, body: "AQID" },
		200,
		"image/png",
		"\u0001\u0002\u0003",
	],
	[
		"an error with a status",
		"",
		{ error: { statusCode: 409, body: { taken: true } } },
		409,
		"application/json",
		{ taken: true },
	],
	["an error without one", "", { error: { code: 1 } }, 204, null, ""],
	[".json: the whole result", ".json", { a: 1 }, 200, "application/json", { a: 1 }],
	[".html", ".html", { html: "<p>" }, 200, "text/html; charset=utf-8", "<p>"],
	[".html of a body", ".html", { body: "<p>" }, 200, "text/html; charset=utf-8", "<p>"],
	[".svg", ".svg", { svg: "<svg/>" }, 200, "image/svg+xml", "<svg/>"],
	[".text of a number", ".text", { text: 5 }, 200, "text/plain; charset=utf-8", "5"],
];
for (const [what, extension, answer, status, type, body] of answers)
	test(`answers: ${what}`, async (t) => {
		const response = await call(`pkg/plain${extension}`, { answer });
		t.is(response.status, status);
		t.is(response.headers.get("content-type"), type);
		const text = await response.text();
		t.deepEqual(typeof body === "string" ? text : JSON.parse(text), body);
		t.regex(response.headers.get("x-openwhisk-activation-id") ?? "", /^[0-9a-f]{32}$/);
		t.regex(response.headers.get("x-request-id") ?? "", /^[0-9a-f]{32}$/);
	});

const rejected: [string, string, unknown, number, RegExp][] = [
	["a status that is none", "", { statusCode: "x", body: "" }, 400, /^Response is not valid 'message\/http'\.$/],
	["a fraction as status", "", { statusCode: 200.5 }, 400, /message\/http/],
	["headers that are no object", "", { headers: "x" }, 400, /message\/http/],
	["bytes that are not base64", "", { headers: { "content-type": "image/png" }, body: "***" }, 400, /message\/http/],
	[
		"an object as text/html",
		"",
		{ headers: { "content-type": "text/html" }, body: {} },
		400,
		/did not match generated content type/,
	],
	["an error that is text", "", { error: "no" }, 400, /message\/http/],
	["a synchronous throw", "", { throws: true }, 400, /^There was an error processing your request\.$/],
	[".svg without one", ".svg", { a: 1 }, 404, /does not include requested property/],
	[".html that is no text", ".html", { html: 1 }, 400, /not valid 'text\/html'/],
];
for (const [what, extension, answer, status, reason] of rejected)
	test(`refuses: ${what}`, async (t) => {
		const response = await call(`pkg/plain${extension}`, { answer });
		t.is(response.status, status);
		const { error, code } = (await response.json()) as Json;
		t.regex(error, reason);
		t.is(code, response.headers.get("x-request-id"));
	});

test("an answer that does not come in time is 202, and nobody can fetch it", async (t) => {
	const impatient = await testPlatform({ blockingWaitMs: 200 });
	try {
		const exec = { kind: "nodejs:20", code: "const main = () => new Promise(() => {})" };
		await impatient.rest("PUT", "actions/never", { exec, annotations: [webExport] });
		const response = await fetch(`${impatient.apihost}/api/v1/web/guest/default/never`);
		t.is(response.status, 202);
		const code = response.headers.get("x-request-id");
		t.deepEqual(await response.json(), { error: "Response not yet ready.", code });
	} finally {
		await impatient.stop(0);
	}
});

test("an asynchronous throw is an empty 204, unless the error has a status", async (t) => {
	t.is((await call("pkg/plain", { answer: { rejects: {} } })).status, 204);
	t.is((await call("pkg/plain", { answer: { rejects: { statusCode: 503 } } })).status, 503);
});

test("repeated headers and the caller's request id go through", async (t) => {
	const answer = { headers: { "Set-Cookie": ["a=1", "b=2"] }, body: "x" };
	const response = await call("pkg/plain", { answer, headers: { "x-request-id": "mine" } });
	t.deepEqual(response.headers.getSetCookie(), ["a=1", "b=2"]);
	t.is(response.headers.get("x-request-id"), "mine");
});

test("what is not there, not exported, or in another namespace is 404", async (t) => {
	for (const path of ["pkg/none", "none/plain", "pkg/private", "pkg", "../other/pkg/plain"])
		t.is((await call(path)).status, 404, path);
});

test("a body over 1 MiB is 413 and does not reach the action", async (t) => {
	const response = await call("pkg/raw", { method: "POST", body: "x".repeat(1_048_577) });
	t.is(response.status, 413);
	t.is(((await response.json()) as Json).error, "Request larger than allowed: 1048577 > 1048576 bytes.");
	t.is(response.headers.get("x-openwhisk-activation-id"), null);
});

test("CORS: answered by the platform, unless the action does it", async (t) => {
	const preflight = await call("pkg/plain", {
		method: "OPTIONS",
		headers: { "access-control-request-headers": "x-a" },
	});
	t.is(preflight.status, 200);
	t.is(preflight.headers.get("x-openwhisk-activation-id"), null);
	t.is(preflight.headers.get("access-control-allow-headers"), "x-a");
	const plain = await call("pkg/plain");
	t.is(plain.headers.get("access-control-allow-origin"), "*");
	t.is(plain.headers.get("access-control-allow-methods"), "OPTIONS, GET, DELETE, POST, PUT, HEAD, PATCH");
	t.regex(plain.headers.get("access-control-allow-headers") ?? "", /^Authorization, Origin/);

	await put("own-options", [
		...raw,
		{ key: "web-custom-options", value: true },
		{ key: "require-whisk-auth", value: "s" },
	]);
	const custom = await call("default/own-options", { method: "OPTIONS" });
	t.is(((await custom.json()) as Json).__ow_method, "options");
	t.is(custom.headers.get("access-control-allow-origin"), null);
});

test("require-whisk-auth: a secret, a key of the platform, or nothing", async (t) => {
	await put("secret", [webExport, { key: "require-whisk-auth", value: "s3cret" }]);
	await put("number", [webExport, { key: "require-whisk-auth", value: 42 }]);
	await put("keyed", [webExport, { key: "require-whisk-auth", value: true }]);
	await put("open", [webExport, { key: "require-whisk-auth", value: false }]);
	const status = async (name: string, headers: Record<string, string> = {}) =>
		(await call(`default/${name}`, { headers })).status;
	t.is(await status("secret"), 401);
	t.is(await status("secret", { "x-require-whisk-auth": "other" }), 401);
	t.is(await status("secret", { authorization: basic }), 401);
	t.is(await status("secret", { "x-require-whisk-auth": "s3cret" }), 200);
	t.is(await status("number", { "x-require-whisk-auth": "42" }), 200);
	t.is(await status("keyed"), 401);
	t.is(await status("keyed", { authorization: "Bearer x" }), 401);
	t.is(await status("keyed", { authorization: basic }), 200);
	t.is(await status("open"), 200);
});

test("a valid key names the user; a foreign Authorization header just passes through", async (t) => {
	t.is((await args("pkg/plain", { headers: { authorization: basic } })).__ow_user, "guest");
	const bearer = await args("pkg/plain", { headers: { authorization: "Bearer x", "x-auth-token": "t" } });
	t.is(bearer.__ow_user, undefined);
	t.like(bearer.__ow_headers, { authorization: "Bearer x", "x-auth-token": "t" });
});
