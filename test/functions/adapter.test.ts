import { randomUUID } from "node:crypto";
import test from "ava";
import type { Handler } from "#functions/adapter/context.ts";
import { answerList, largestListBytes } from "#functions/adapter/list.ts";
import { fireTrigger } from "#functions/adapter/nudge.ts";
import { webAction } from "#functions/adapter/openwhisk.ts";
import { requestOf } from "#functions/adapter/parameters.ts";
import { main as orchestrator } from "#functions/orchestrator/main.ts";
import { main as workloads } from "#functions/workloads/main.ts";
import { Fault } from "#schemas/fault.ts";
import { closeDatabase, openDatabase } from "#store/connect.ts";
import { openHouse } from "./stage.ts";

const house = await openHouse();
const { uri } = await house.store.database();
const project = house.cloud.projectId("demo");
const token = await house.token("demo");
/** What the actions logged: their standard output, which would only hide the tests' own. */
const lines: string[] = [];
const { log: print } = console;
console.log = (line: string) => void lines.push(line);
test.after.always(async () => {
	console.log = print;
	await closeDatabase();
	await house.close();
});

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64");

/** What OpenWhisk hands to a raw web action, bound parameters beneath. */
const raw = (method: string, path: string, more: Record<string, unknown> = {}) => ({
	...house.settings,
	MONGODB_URI: uri,
	__ow_method: method,
	__ow_path: path,
	__ow_query: "",
	__ow_body: "",
	__ow_user: "",
	__ow_headers: { "x-auth-token": token, "content-type": "application/json", host: "api.test:8780" },
	...more,
});

test.serial("a raw request goes through the real action to the store and back", async (t) => {
	const id = await house.server();
	const body = { workload: { name: "häuser", instances: [{ "instance-id": id }] } };
	const path = `/v1/${project}/workloads`;
	const made = await workloads(raw("post", path, { __ow_body: base64(body) }));
	t.is(made.statusCode, 202);
	const { workload } = made.body as { workload: { id: string; name: string; links: { href: string }[] } };
	t.is(workload.name, "häuser");
	t.is(workload.links[0]?.href, `http://api.test:8780/v1/${project}/workloads/${workload.id}`);
	t.is(made.headers["content-type"], "application/json");
	t.regex(made.headers["x-compute-request-id"] ?? "", /^req-[0-9a-f-]{36}$/);
	t.is(made.headers["x-openstack-request-id"], made.headers["x-compute-request-id"]);

	// Plain JSON, as other hosts of the contract send it; the request id of the gateway; an empty body.
	const requestId = `req-${randomUUID()}`;
	const headers = { "x-auth-token": token, "x-openstack-request-id": requestId };
	const change = { workload: { description: "now described" } };
	const one = `${path}/${workload.id}`;
	const changed = await workloads(raw("put", one, { __ow_body: JSON.stringify(change), __ow_headers: headers }));
	t.is(changed.statusCode, 202);
	t.is(changed.headers["x-openstack-request-id"], requestId);
	const removed = await workloads(raw("delete", one));
	t.deepEqual([removed.statusCode, removed.body], [202, ""]);
	const gone = await workloads(raw("get", one));
	t.is(gone.statusCode, 404);
	t.like(gone.body as object, { itemNotFound: { code: 404 } });
});

test.serial("pages have a next link that leads to the rest", async (t) => {
	const path = `/v1/${project}/workloads`;
	for (let i = 0; i < 3; i++) {
		const body = { workload: { name: `w${i}`, instances: [{ "instance-id": await house.server() }] } };
		t.is((await workloads(raw("post", path, { __ow_body: base64(body) }))).statusCode, 202);
	}
	type Page = { workloads: { name: string }[]; workloads_links?: { href: string }[] };
	const first = (await workloads(raw("get", path, { __ow_query: "limit=2" }))).body as Page;
	t.is(first.workloads.length, 2);
	const next = new URL(first.workloads_links?.[0]?.href ?? "");
	t.is(next.origin, "http://api.test:8780");
	const rest = (await workloads(raw("get", next.pathname, { __ow_query: next.search.slice(1) }))).body as Page;
	t.deepEqual(
		[...first.workloads, ...rest.workloads].map(({ name }) => name),
		["w2", "w1", "w0"],
	);
	t.is(rest.workloads_links, undefined);
});

test.serial("whatever is wrong, there is a status and a body", async (t) => {
	for (const parameters of [
		undefined,
		null,
		7,
		"text",
		{},
		{ __ow_headers: null },
		raw("get", "%zz"),
		raw("brew", "/"),
	]) {
		const answer = await workloads(parameters);
		t.true(answer.statusCode >= 400, JSON.stringify(parameters));
		t.is(typeof answer.body, "object");
		t.truthy(answer.body);
	}
	const unreachable = await workloads(
		raw("get", `/v1/${project}/workloads`, { MONGODB_URI: "mongodb://127.0.0.1:9/x" }),
	);
	t.is(unreachable.statusCode, 500);
	const requestId = unreachable.headers["x-openstack-request-id"];
	const { computeFault } = unreachable.body as { computeFault: { message: string } };
	t.true(computeFault.message.includes(requestId ?? "?"), "the caller can report the request");
});

test.serial("a store that was away is found again by the next request", async (t) => {
	await t.throwsAsync(openDatabase("mongodb://127.0.0.1:9/x"));
	t.is((await workloads(raw("get", `/v1/${project}/workloads`))).statusCode, 200);
});

test.serial("each missing setting has its own sentence in the log", async (t) => {
	lines.length = 0;
	const answer = await workloads({ __ow_method: "get", OS_AUTH_URL: "http://x" });
	t.is(answer.statusCode, 500);
	const text = lines.join("\n");
	for (const name of ["MONGODB_URI", "OS_USERNAME", "OS_PASSWORD", "OS_PROJECT_NAME"]) {
		t.regex(text, new RegExp(`The setting ${name} \\(.*\\) is missing`));
	}
	t.notRegex(text, /setting OS_AUTH_URL/);
	for (const line of lines) t.notThrows(() => JSON.parse(line), "one JSON object a line");
});

test("bodies arrive as they were sent, in base64 or plain", async (t) => {
	const headers = { "content-type": "application/json" };
	const read = (body: unknown, type = headers["content-type"]) =>
		requestOf({ __ow_method: "post", __ow_path: "/x", __ow_headers: { "content-type": type }, __ow_body: body }).text();
	const json = JSON.stringify({ a: "ü" });
	t.is(await read(Buffer.from(json).toString("base64")), json);
	t.is(await read(json), json);
	t.is(await read({ a: "ü" }), json, "some hosts parse it");
	t.is(await read(""), "");
	t.is(await read(undefined), "");
	t.is(await read("YWJj", "text/plain"), "YWJj");
	t.is(await read("a=b&c=d", "application/x-www-form-urlencoded"), "a=b&c=d");
	const links = requestOf({
		__ow_method: "get",
		__ow_path: "/v1/p/workloads",
		__ow_query: "limit=1",
		__ow_headers: { "x-forwarded-proto": "https", "x-forwarded-host": "backup.example.org, inner", host: "inner:80" },
	});
	t.is(links.url, "https://backup.example.org/v1/p/workloads?limit=1");
});

test("handlers that throw are answered in OpenStack's shape, and nothing of the inside leaks", async (t) => {
	const answerOf = async (error: unknown) => {
		const handler: Handler = async () => {
			throw error;
		};
		return webAction(handler, { name: "test", required: [] })({ __ow_method: "get" });
	};
	t.deepEqual(await answerOf(new Fault("TOO_MANY_REQUESTS")).then(({ statusCode, body }) => [statusCode, body]), [
		429,
		{ overLimit: { code: 429, message: "Too many requests; try again in a few seconds." } },
	]);
	for (const error of [new Error("secret detail"), "text", undefined, null]) {
		const answer = await answerOf(error);
		t.is(answer.statusCode, 500);
		t.notRegex(JSON.stringify(answer.body), /secret detail/);
	}
	const large = webAction(async () => new Response("x".repeat(1_100_000)), { name: "test", required: [] });
	t.is((await large({ __ow_method: "get" })).statusCode, 500, "an answer that OpenWhisk would lose");
});

test("a list stops before it is too large for OpenWhisk, with a link to the rest", async (t) => {
	const rows = Array.from({ length: 100 }, (_, i) => ({ id: String(i), text: "x".repeat(20_000) }));
	const answer = answerList("rows", new URL("http://a/v1/p/rows?limit=100"), { limit: 100 }, rows);
	const text = await answer.text();
	t.true(Buffer.byteLength(text) < largestListBytes + 1_000);
	const { rows: sent, rows_links } = JSON.parse(text);
	t.is(rows_links[0].href, `http://a/v1/p/rows?limit=100&marker=${sent.at(-1).id}`);
});

test("the orchestrator's action answers, whatever it is told", async (t) => {
	const bound = { ...house.settings, MONGODB_URI: uri };
	t.deepEqual(await orchestrator({ ...bound, run_id: "snapshot:nobody" }), {
		run_id: "snapshot:nobody",
		progress: "over",
	});
	t.deepEqual(await orchestrator({ ...bound, __ow_headers: {} }), { advanced: 0 });
	t.regex(String((await orchestrator({})).error), /MONGODB_URI/);
});

test("a nudge that nobody takes is logged and harms nobody", async (t) => {
	const events: [string, unknown][] = [];
	const log = (event: string, fields?: Record<string, unknown>) => void events.push([event, fields?.run_id]);
	await fireTrigger({ runId: "r", environment: {}, log });
	const environment = { __OW_API_KEY: "a:b", __OW_API_HOST: "http://127.0.0.1:9" };
	await fireTrigger({ runId: "r", environment, log });
	t.deepEqual(events, [
		["nudge-lost", "r"],
		["nudge-lost", "r"],
	]);
});
