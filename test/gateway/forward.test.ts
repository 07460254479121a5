import { connect } from "node:net";
import test from "ava";
import { type Stage, secret, setStage } from "./stage.ts";
import { json } from "./upstream.ts";

let stage: Stage;
test.before(async () => {
	stage = await setStage();
});
test.after.always(() => stage.close());
test.serial.beforeEach(() => {
	stage.openwhisk.arrived.length = 0;
	stage.openwhisk.answer = (_arrived, response) => json(response, 200, { workloads: [] });
});
const arrived = () => stage.openwhisk.arrived.at(-1) as (typeof stage.openwhisk.arrived)[number];

test.serial("method, full path, query and body reach the function; its answer comes back", async (t) => {
	const id = "4a5e1b7c-0000-4000-8000-000000000001";
	stage.openwhisk.answer = (_arrived, response) => json(response, 202, { snapshot: { id } }, { "x-shown": "yes" });
	const response = await stage.call(`/workloads/${id}?full=1&a=%20b`, {
		method: "POST",
		body: JSON.stringify({ snapshot: { name: "first" } }),
		headers: { "content-type": "application/json" },
	});
	t.is(response.status, 202);
	t.deepEqual(await response.json(), { snapshot: { id } });
	t.is(response.headers.get("x-shown"), "yes");
	t.is(arrived().method, "POST");
	t.is(arrived().url, `/api/v1/web/guest/holdfast/workloads.http/v1/${stage.project}/workloads/${id}?full=1&a=%20b`);
	t.is(arrived().body, '{"snapshot":{"name":"first"}}');
	t.is(arrived().headers["content-type"], "application/json");
	t.is(arrived().headers["x-require-whisk-auth"], secret);
});

test.serial("a restore goes to restores, an agent's sync to datamover at its own address", async (t) => {
	await stage.call("/snapshots/s1", { method: "POST", body: "{}" });
	t.regex(arrived().url, /\/holdfast\/restores\.http\/v1\//);
	const headers = { "x-auth-token": await stage.token() };
	const sync = await fetch(`${stage.gateway.datamover}/v2/agents/host.example/sync`, {
		method: "POST",
		body: "{}",
		headers,
	});
	t.is(sync.status, 200);
	t.is(arrived().url, "/api/v1/web/guest/holdfast/datamover.http/v2/agents/host.example/sync");
	t.is((await fetch(`${stage.gateway.workloads}/v2/agents`, { headers })).status, 404);
	t.is((await fetch(`${stage.gateway.datamover}/v1/p/workloads`, { headers })).status, 404);
});

test.serial("credentials and identities of the caller's own making do not pass", async (t) => {
	await stage.call("/workloads", {
		headers: {
			authorization: "Basic Z3Vlc3Q6c2VjcmV0",
			"x-require-whisk-auth": "guessed",
			"x-openwhisk-activation-id": "forged",
			"x-project-id": "victim",
			"x-tenant-id": "victim",
			"x-user-id": "victim",
			"x-roles": "admin",
			"x-is-admin-project": "true",
			"x-identity-status": "Confirmed",
			"x-some-future-identity": "victim",
			"x-forwarded-for": "10.0.0.1",
			"x-forwarded-host": "evil.example",
			"x-http-method-override": "DELETE",
			cookie: "a=b",
			"x-auth-project-id": "demo",
			"user-agent": "python-workloadmgrclient",
		},
	});
	const { headers } = arrived();
	t.is(headers["x-require-whisk-auth"], secret);
	const forged = Object.entries(headers).filter(([, value]) =>
		/victim|forged|evil|10\.0\.0\.1|^admin$/.test(String(value)),
	);
	t.deepEqual(forged, []);
	for (const name of ["authorization", "cookie", "x-http-method-override", "x-identity-status", "x-is-admin-project"]) {
		t.is(headers[name], undefined, name);
	}
	t.is(headers["x-auth-project-id"], "demo");
	t.is(headers["user-agent"], "python-workloadmgrclient");
	t.is(headers["x-forwarded-for"], "127.0.0.1");
	t.is(`${headers["x-forwarded-proto"]}://${headers["x-forwarded-host"]}`, stage.gateway.workloads);
});

/** Sends bytes as they are and returns everything that comes back. */
const raw = (bytes: string): Promise<string> =>
	new Promise((resolve, reject) => {
		const { hostname, port } = new URL(stage.gateway.workloads);
		const socket = connect(Number(port), hostname, () => socket.write(bytes));
		let all = "";
		socket.setTimeout(5_000, () => socket.destroy(new Error(`no end after ${JSON.stringify(all)}`)));
		socket.on("data", (chunk) => {
			all += chunk;
		});
		socket.on("error", reject);
		socket.on("close", () => resolve(all));
	});

test.serial("no header can take another's place on the wire", async (t) => {
	const token = await stage.token();
	const start = `GET /v1/${stage.project}/workloads HTTP/1.1\r\nhost: a.example\r\nconnection: close`;
	await raw(
		`${start}, x-require-whisk-auth, x-auth-token\r\nx-auth-token: ${token}\r\nX-Require-Whisk-Auth: guessed\r\n\r\n`,
	);
	t.is(stage.openwhisk.arrived.length, 1);
	t.is(arrived().headers["x-require-whisk-auth"], secret);
	t.is(arrived().headers["x-auth-token"], token);
	t.is(arrived().headers["x-forwarded-host"], "a.example");

	const twoTokens = await raw(`${start}\r\nx-auth-token: ${token}\r\nx-auth-token: ${token}\r\n\r\n`);
	t.regex(twoTokens, /^HTTP\/1\.1 401 /);
	const twoLengths = `POST /v1/p/workloads HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n`;
	t.regex(await raw(`${twoLengths}0\r\n\r\nGET /v1/p/workloads HTTP/1.1\r\n\r\n`), /^HTTP\/1\.1 400 /);
	t.regex(await raw("this is no HTTP\r\n\r\n"), /^HTTP\/1\.1 400 [\s\S]*"badRequest"/);
	const dots = await raw(
		`${start.replace("/workloads", "/workloads/../../../guest/holdfast/orchestrator")}\r\nx-auth-token: ${token}\r\n\r\n`,
	);
	t.regex(dots, /^HTTP\/1\.1 404 [\s\S]*itemNotFound/);
	t.regex(
		await raw(`${start.replace("/workloads", "/workloads/%zz")}\r\nx-auth-token: ${token}\r\n\r\n`),
		/^HTTP\/1\.1 404 /,
	);
	t.is(stage.openwhisk.arrived.length, 1);
});

test.serial("a strange Host does not get into links", async (t) => {
	const answer = await raw('GET / HTTP/1.1\r\nhost: evil.example/"x\r\nconnection: close\r\n\r\n');
	t.notRegex(answer, /evil/);
});

test.serial("request ids: ours on every answer, the caller's passed on when it is well-formed", async (t) => {
	const form = /^req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
	const global = "req-01234567-89ab-cdef-0123-456789abcdef";
	const response = await stage.call("/workloads", { headers: { "x-openstack-request-id": global } });
	const id = response.headers.get("x-openstack-request-id") ?? "";
	t.regex(id, form);
	t.not(id, global);
	t.is(response.headers.get("x-compute-request-id"), id);
	t.is(arrived().headers["x-openstack-request-id"], id);
	t.is(arrived().headers["x-openstack-global-request-id"], global);
	t.is(arrived().headers["x-request-id"], id.slice(4).replaceAll("-", ""));

	await stage.call("/workloads", { headers: { "x-openstack-request-id": "req-1 forged" } });
	t.is(arrived().headers["x-openstack-global-request-id"], undefined);
	const unknown = await fetch(`${stage.gateway.workloads}/nothing`);
	t.regex(unknown.headers.get("x-openstack-request-id") ?? "", form);
});

test.serial("what OpenWhisk adds to an answer stays here", async (t) => {
	const headers = {
		...{ "access-control-allow-origin": "*", "x-request-id": "their-transaction", server: "nginx" },
		...{ "x-openstack-request-id": "req-theirs", vary: "Accept" },
	};
	stage.openwhisk.answer = (_arrived, response) => json(response, 200, {}, headers);
	const response = await stage.call("/workloads");
	for (const name of ["access-control-allow-origin", "x-request-id", "x-openwhisk-activation-id", "server"]) {
		t.is(response.headers.get(name), null, name);
	}
	t.not(response.headers.get("x-openstack-request-id"), "req-theirs");
	t.is(response.headers.get("vary"), "Accept");
});

test.serial("a body goes along only where the API has one, and as JSON whatever it was called", async (t) => {
	await stage.call("/workloads/w1", { method: "DELETE", body: "not even JSON" });
	t.is(arrived().body, "");
	await stage.call("/workloads/w1/unlock", { method: "POST", body: "not even JSON" });
	t.is(arrived().body, "");
	await stage.call("/workloads", {
		method: "POST",
		body: '{"workload":{}}',
		headers: { "content-type": "application/x-www-form-urlencoded" },
	});
	t.is(arrived().headers["content-type"], "application/json");
	t.is(arrived().body, '{"workload":{}}');
});

test.serial("the access log has what an operator looks for, and no secret", async (t) => {
	const response = await stage.call("/workloads/w1?token=hidden");
	await response.text();
	const id = response.headers.get("x-openstack-request-id");
	const line = stage.log.find((event) => event.event === "access" && event.request_id === id);
	t.like(line, {
		...{ service: "workloads", method: "GET", status: 200, action: "workloads", activation_id: "a1b2" },
		...{ project_id: stage.project, client: "127.0.0.1", path: `/v1/${stage.project}/workloads/w1` },
	});
	t.is(typeof line?.user_id, "string");
	t.notRegex(JSON.stringify(stage.log), /hidden|gAAAAA/);
});
