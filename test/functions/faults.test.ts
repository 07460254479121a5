import { randomUUID } from "node:crypto";
import test from "ava";
import { forgetTokens } from "#functions/adapter/identity.ts";
import { datamover } from "#functions/datamover/handler.ts";
import { insertSnapshot } from "#store/snapshots.ts";
import { sampleSnapshot } from "#test/store/samples.ts";
import { type Answered, openHouse, openStage } from "./stage.ts";

const house = await openHouse();
const stage = await openStage(house);
const instance = await house.server();
test.after.always(() => house.close());

/** The fault's name and sentence. */
const fault = ({ body }: Answered): [string, string] => {
	const [name, { message }] = Object.entries(body)[0] as [string, { message: string }];
	return [name, message];
};

const create = (body: unknown, asking = {}) => stage.ask("POST", "/workloads", { body, ...asking });
const bodyOf = (...ids: string[]) => ({ workload: { name: "w", instances: ids.map((id) => ({ "instance-id": id })) } });

test.serial("an instance that Nova does not have is named in T4O's words", async (t) => {
	const id = randomUUID();
	const answer = await create(bodyOf(id));
	t.is(answer.status, 400);
	t.deepEqual(fault(answer), ["badRequest", `Unable to find Virtual Machine '${id}' in nova inventory`]);
});

test.serial("an instance of another project does not exist, for an admin's token too", async (t) => {
	const project = house.cloud.projectId("other");
	for (const as of ["other", "admin"] as const) {
		const answer = await create(bodyOf(instance), { as, project });
		t.is(answer.status, 400);
		t.regex(fault(answer)[1], /^Unable to find Virtual Machine/);
	}
});

test.serial("an instance is in one workload, and a refused creation takes nothing", async (t) => {
	const other = await house.server();
	const first = await create(bodyOf(instance));
	t.is(first.status, 202);
	const refused = await create(bodyOf(other, instance));
	t.is(refused.status, 400);
	t.is(fault(refused)[1], `Invalid instance as ${instance} already attached with other workload`);
	const second = await create(bodyOf(other));
	t.is(second.status, 202, "the other instance was given back");

	const grow = await stage.ask("PUT", `/workloads/${second.body.workload.id}`, { body: bodyOf(other, instance) });
	t.is(fault(grow)[1], `Invalid instance as ${instance} already attached with other workload`);
	const third = await house.server();
	const path = `/workloads/${second.body.workload.id}`;
	const changed = await stage.ask("PUT", path, { body: bodyOf(third) });
	t.is(changed.status, 202);
	t.deepEqual(
		changed.body.workload.instances.map(({ id }: { id: string }) => id),
		[third],
	);
	const freed = await create(bodyOf(other));
	t.is(freed.status, 202, "an instance that left its workload is free");
	for (const { body } of [first, second, freed]) {
		t.is((await stage.ask("DELETE", `/workloads/${body.workload.id}`)).status, 202);
	}
});

test.serial("what belongs to another project is not there: every route answers 404", async (t) => {
	const made = await create(bodyOf(instance));
	const workloadId = made.body.workload.id;
	const snapshot = sampleSnapshot(new Date(), {
		status: "available",
		workload_id: workloadId,
		project_id: house.cloud.projectId("demo"),
	});
	await insertSnapshot(stage.db, snapshot);
	const restore = { restore: { options: { restore_type: "selective" } } };
	const paths: [string, string, unknown?][] = [
		["GET", "/workloads"],
		["GET", `/workloads/${workloadId}`],
		["PUT", `/workloads/${workloadId}`, { workload: { name: "x" } }],
		["DELETE", `/workloads/${workloadId}`],
		["POST", `/workloads/${workloadId}`, {}],
		["POST", `/workloads/${workloadId}/unlock`],
		["GET", `/snapshots/${snapshot._id}`],
		["DELETE", `/snapshots/${snapshot._id}`],
		["GET", `/snapshots/${snapshot._id}/cancel`],
		["POST", `/snapshots/${snapshot._id}`, restore],
		["GET", "/restores"],
	];
	const other = house.cloud.projectId("other");
	for (const [method, path, body] of paths) {
		// With somebody else's project in the path, and with one's own project and somebody else's id.
		const foreign = await stage.ask(method, path, { as: "other", body });
		t.is(foreign.status, 404, `${method} ${path}`);
		if (!/[0-9a-f]{8}-/.test(path)) continue;
		const own = await stage.ask(method, path, { as: "other", project: other, body });
		t.is(own.status, 404, `${method} ${path}`);
		t.regex(fault(own)[1], /^No (workload|snapshot) with a name or ID of '.*' exists\.$/);
	}
	const admin = await stage.ask("GET", `/workloads/${workloadId}`, { as: "admin" });
	t.is(admin.status, 200, "an admin may look into every project");
	t.is((await stage.ask("GET", "/workloads?all_workloads=True")).status, 403);
	const all = await stage.ask("GET", "/workloads?all_workloads=True", {
		as: "admin",
		project: house.cloud.projectId("admin"),
	});
	t.true(all.body.workloads.some(({ id }: { id: string }) => id === workloadId));
	await stage.db.collection("snapshots").deleteMany({});
	await stage.ask("DELETE", `/workloads/${workloadId}`);
});

test.serial("no token, a made-up one and an expired one get 401", async (t) => {
	for (const token of ["", "made-up", "with spaces"]) {
		t.is((await stage.ask("GET", "/workloads", { token })).status, 401, token);
	}
	const fresh = await freshToken();
	t.is((await stage.ask("GET", "/workloads", { token: fresh })).status, 200);
	house.cloud.expireToken(fresh);
	forgetTokens();
	const answer = await stage.ask("GET", "/workloads", { token: fresh });
	t.is(answer.status, 401);
	t.is(fault(answer)[0], "unauthorized");
});

test.serial("a token that is checked once is good for a minute and not longer", async (t) => {
	const token = await freshToken();
	t.is((await stage.ask("GET", "/workloads", { token })).status, 200);
	house.cloud.expireToken(token);
	t.is((await stage.ask("GET", "/workloads", { token })).status, 200, "from the cache");
	house.clock.advance(60_001);
	t.is((await stage.ask("GET", "/workloads", { token })).status, 401);
});

/** A token that nobody else uses. */
async function freshToken(): Promise<string> {
	const response = await fetch(`${house.cloud.authUrl}/auth/tokens`, {
		method: "POST",
		headers: { "content-type": "application/json" },
		body: JSON.stringify({
			auth: {
				identity: {
					methods: ["password"],
					password: { user: { name: "demo", domain: { name: "Default" }, password: "demo-secret" } },
				},
				scope: { project: { id: house.cloud.projectId("demo") } },
			},
		}),
	});
	return response.headers.get("x-subject-token") ?? "";
}

test.serial("a reader reads and changes nothing", async (t) => {
	t.is((await stage.ask("GET", "/workloads", { as: "reader" })).status, 200);
	const answer = await create(bodyOf(instance), { as: "reader" });
	t.is(answer.status, 403);
	t.deepEqual(fault(answer), ["forbidden", "Policy doesn't allow workload:workload_create to be performed."]);
	t.is((await stage.ask("GET", `/snapshots/${randomUUID()}/cancel`, { as: "reader" })).status, 403);
});

test.serial("the agents' API is for agents, its list for operators", async (t) => {
	const body = { agent: { instance_id: "i", version: "1", targets: [], slots: 1 }, jobs: [], claim: 0 };
	for (const as of ["demo", "admin", "reader"] as const) {
		t.is((await stage.handle(datamover, "POST", "/v2/agents/h/sync", { as, body })).status, 403, as);
	}
	t.is((await stage.handle(datamover, "POST", "/v2/agents/h/sync", { as: "agent", body })).status, 200);
	t.is((await stage.handle(datamover, "GET", "/v2/agents", { as: "demo" })).status, 403);
	const list = await stage.handle(datamover, "GET", "/v2/agents", { as: "admin" });
	t.like(list.body.agents[0], { host: "h", status: "Up" });
	house.clock.advance(61_000);
	t.is((await stage.handle(datamover, "GET", "/v2/agents", { as: "admin" })).body.agents[0].status, "Down");
});

test.serial("bad input is refused with the place and what was expected", async (t) => {
	const malformed = await create('{"workload": ');
	t.deepEqual([malformed.status, fault(malformed)[1]], [400, "The request body is not valid JSON."]);
	for (const [body, expected] of [
		[{}, /body\/workload is required/],
		["[1,2]", /body/],
		[{ workload: { instances: [] } }, /body\/workload\/instances must NOT have fewer than 1 items/],
		[{ workload: { instances: [{ "instance-id": "x" }] } }, /body\/workload\/instances\/0\/instance-id must be a UUID/],
		[{ workload: { name: "a\u0000b", instances: [{ "instance-id": instance }] } }, /body\/workload\/name/],
		[{ workload: { ...bodyOf(instance).workload, encryption: "True" } }, /encrypted workload is not supported/i],
		[{ workload: { ...bodyOf(instance).workload, jobschedule: { enabled: true } } }, /schedule .* not supported/i],
		[{ workload: { ...bodyOf(instance).workload, backup_target_types: "tape" } }, /no backup target tape/],
	] as const) {
		const answer = await create(body);
		t.is(answer.status, 400, JSON.stringify(body));
		t.regex(fault(answer)[1], expected);
	}
	const large = await create({ workload: { ...bodyOf(instance).workload, metadata: { a: "x".repeat(1_100_000) } } });
	t.is(large.status, 413);
	for (const query of ["limit=0", "limit=x", "marker=nobody"]) {
		t.is((await stage.ask("GET", `/workloads?${query}`)).status, 400, query);
	}
	t.is((await stage.ask("GET", "/snapshots?date_from=yesterday")).status, 400);
	t.is((await stage.ask("GET", "/workloads/a/b/c")).status, 404);
	const method = await stage.ask("PUT", "/workloads");
	t.is(method.status, 405);
	t.regex(fault(method)[1], /takes? GET, POST/);
});

test.serial("a snapshot that is not available is not restored, one that runs is not deleted", async (t) => {
	const restore = { restore: { options: { restore_type: "selective" } } };
	const project_id = house.cloud.projectId("demo");
	for (const status of ["creating", "uploading", "error", "cancelled", "deleting", "restoring"] as const) {
		const snapshot = sampleSnapshot(new Date(), { status, project_id, instances: [sampleInstance] });
		await insertSnapshot(stage.db, snapshot);
		const answer = await stage.ask("POST", `/snapshots/${snapshot._id}`, { body: restore });
		t.is(answer.status, 409, status);
		t.is(fault(answer)[1], `Snapshot ${snapshot._id} is ${status}; only an available snapshot can be restored.`);
	}
	const running = sampleSnapshot(new Date(), { status: "uploading", project_id });
	const over = sampleSnapshot(new Date(), { status: "error", project_id });
	for (const one of [running, over]) await insertSnapshot(stage.db, one);
	t.is((await stage.ask("DELETE", `/snapshots/${running._id}`)).status, 409);
	t.is((await stage.ask("GET", `/snapshots/${over._id}/cancel`)).status, 409);
	await stage.db.collection("snapshots").deleteMany({});
});

const sampleInstance = { id: randomUUID(), name: "vm", host: "h", snapshot_type: "full" as const, disks: [] };

test.serial("what a restore cannot do is said before anything is touched", async (t) => {
	const project_id = house.cloud.projectId("demo");
	const snapshot = sampleSnapshot(new Date(), { status: "available", project_id, instances: [sampleInstance] });
	await insertSnapshot(stage.db, snapshot);
	const ask = (options: unknown) => stage.ask("POST", `/snapshots/${snapshot._id}`, { body: { restore: { options } } });
	for (const [options, expected] of [
		[{ restore_type: "inplace" }, /type inplace is not supported yet/],
		[{ openstack: { restore_topology: "True" } }, /topology is not supported yet/],
		[{ openstack: { instances: [{ id: randomUUID() }] } }, /has no instance/],
		[{ openstack: { instances: [{ id: sampleInstance.id, include: "false" }] } }, /No instance is chosen/],
		[{ openstack: { instances: [{ id: 7 }] } }, /body\/restore\/options\/openstack\/instances\/0\/id/],
	] as const) {
		const answer = await ask(options);
		t.is(answer.status, 400, JSON.stringify(options));
		t.regex(fault(answer)[1], expected);
	}
	t.is((await stage.ask("GET", `/snapshots/${snapshot._id}`)).body.snapshot.status, "available");
	await stage.db.collection("snapshots").deleteMany({});
});

test.serial("a workload that is at work takes no second job", async (t) => {
	const { body } = await create(bodyOf(instance));
	const path = `/workloads/${body.workload.id}`;
	t.is((await stage.ask("POST", path, { body: {} })).status, 202);
	const second = await stage.ask("POST", path);
	t.is(second.status, 409);
	t.is(fault(second)[1], `Workload ${body.workload.id} is locked; wait until it is available.`);
	t.is((await stage.ask("DELETE", path)).status, 409);
	t.is((await stage.ask("PUT", path, { body: bodyOf(instance) })).status, 409);
	t.is((await stage.ask("POST", `${path}/unlock`)).status, 202);
	t.is((await stage.ask("GET", path)).body.workload.status, "available");
	await stage.ask("DELETE", path);
});

test.serial("Keystone out of reach is the cloud's fault, not the caller's", async (t) => {
	forgetTokens();
	const settings = { ...house.settings, OS_AUTH_URL: "http://127.0.0.1:9" };
	const cut = { ...house, settings };
	const lonely = await openStage(cut);
	const answer = await lonely.ask("GET", "/workloads");
	t.is(answer.status, 503);
	t.is(fault(answer)[0], "serviceUnavailable");
});

test.serial(
	"a running instance is for its host's agent to read, and one that it cannot read says what to do",
	async (t) => {
		const { body } = await create(bodyOf(await house.server({ running: true })));
		const path = `/workloads/${body.workload.id}`;
		const agent = stage.agent();
		const sentence = "The instance is running and this agent has no libvirt.";
		agent.fail = (payload) =>
			payload.kind === "backup-instance" && payload.running
				? { code: "INSTANCE_RUNNING", message: sentence, retryable: false }
				: undefined;
		const { body: taken } = await stage.ask("POST", path);
		await stage.settle([agent], async () => (await stage.ask("GET", path)).body.workload.status === "available");
		const { snapshot } = (await stage.ask("GET", `/snapshots/${taken.snapshot.id}`)).body;
		t.like(snapshot, { status: "error", error_msg: sentence });
	},
);
