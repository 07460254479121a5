import { renameSync } from "node:fs";
import anyTest, { type TestFn } from "ava";
import { revokeToken } from "#openstack/keystone.ts";
import { openStage, type Stage } from "./stage.ts";

type Failure = Record<string, { code: number; message: string }>;

const test = anyTest as TestFn<{ stage: Stage }>;
const shared: { stage?: Stage; ends: (() => void | Promise<void>)[] } = { ends: [] };

test.before(async (t) => {
	t.timeout(120_000);
	shared.stage = await openStage({ log: t.log, teardown: (end) => shared.ends.push(end as () => void) });
});
test.beforeEach((t) => {
	t.context.stage = shared.stage as Stage;
});
test.after.always(async () => {
	for (const end of shared.ends.reverse()) await end();
});

const message = (body: unknown): string => Object.values(body as Failure)[0]?.message ?? JSON.stringify(body);
const nobody = "00000000-0000-4000-8000-000000000000";

test.serial("requests that cannot be right get a sentence and change nothing", async (t) => {
	const { stage } = t.context;
	const { call, user } = stage;
	const workload = (...ids: string[]) => ({
		workload: { name: "x", instances: ids.map((id) => ({ "instance-id": id })) },
	});

	const unknown = await call(user, "POST", "/workloads", workload(nobody));
	t.is(unknown.status, 400);
	t.is(message(unknown.body), `Unable to find Virtual Machine '${nobody}' in nova inventory`);

	const malformed = await call(user, "POST", "/workloads", '{"workload": {');
	t.is(malformed.status, 400);
	t.regex(message(malformed.body), /not valid JSON/);

	const shapeless = await call(user, "POST", "/workloads", { workload: { instances: [{ "instance-id": 5 }] } });
	t.is(shapeless.status, 400);
	t.regex(message(shapeless.body), /body\/workload\/instances\/0\/instance-id must be/);

	const large = await call(user, "POST", "/workloads", { workload: { name: "x".repeat(2 << 20) } });
	t.is(large.status, 413);
	t.regex(message(large.body), /larger than \d+ bytes/);

	const absent = await call(user, "GET", `/workloads/${nobody}`);
	t.is(absent.status, 404);
	t.truthy(absent.headers.get("x-openstack-request-id"));

	const list = await call<{ workloads: unknown[] }>(user, "GET", "/workloads");
	t.deepEqual(list.body.workloads, []);
});

test.serial("tokens: none, revoked, another project's, a reader's", async (t) => {
	const { stage } = t.context;
	const { call, user, session } = stage;
	const base = await user.endpoint("workloads");
	const bare = await fetch(`${base}/workloads`);
	t.is(bare.status, 401);
	t.regex(message(await bare.json()), /valid X-Auth-Token/);

	const ended = session("demo", "demo");
	const token = (await ended.token()).id;
	await revokeToken(user, token);
	const revoked = await fetch(`${base}/workloads`, { headers: { "x-auth-token": token } });
	t.is(revoked.status, 401);

	const instance = await stage.createInstance("tenant");
	const id = await stage.protect("tenant", [instance]);
	const other = session("other", "other");
	t.is((await call(other, "GET", `/workloads/${id}`)).status, 404, "not in the other project");
	const mine = new URL(`${base}/workloads/${id}`).pathname;
	t.is((await call(other, "GET", mine)).status, 404, "nor by this project's path");
	t.is((await call(other, "POST", `${mine}?full=1`, {})).status, 404);
	t.is((await call(other, "DELETE", mine)).status, 404);

	const reader = session("reader", "demo");
	t.is((await call(reader, "GET", `/workloads/${id}`)).status, 200);
	const refused = await call(reader, "POST", `/workloads/${id}`, {});
	t.is(refused.status, 403);
	t.regex(message(refused.body), /^Policy doesn't allow .+ to be performed\.$/);

	const taken = await call(user, "POST", "/workloads", { workload: { instances: [{ "instance-id": instance.id }] } });
	t.is(taken.status, 400);
	t.regex(message(taken.body), /already attached with other workload/);
	t.is((await call(user, "DELETE", `/workloads/${id}`)).status, 202);
	const free = await stage.protect("again", [instance]);
	t.is((await call(user, "DELETE", `/workloads/${free}`)).status, 202, "its instance is free again");
});

test.serial("a disk that vanished ends the snapshot, not the workload or what is stored", async (t) => {
	t.timeout(180_000);
	const { stage } = t.context;
	const { call, user } = stage;
	const instance = await stage.createInstance("vanish", { volume: true });
	const hashes = await stage.hash(instance.disks);
	const workload = await stage.protect("vanish", [instance]);
	const good = await stage.snapshot(workload, true);
	t.is((await stage.ended(`/snapshots/${good}`, "snapshot")).status, "available");

	const volume = instance.disks[1]?.path as string;
	renameSync(volume, `${volume}.away`);
	const bad = await stage.snapshot(workload);
	const refused = await call(user, "POST", `/snapshots/${bad}`, { restore: { options: {} } });
	t.is(refused.status, 409, "a snapshot under way cannot be restored");
	const failed = await stage.ended(`/snapshots/${bad}`, "snapshot");
	t.is(failed.status, "error");
	t.truthy(failed.error_msg);
	t.log(failed.error_msg);
	t.is((await stage.ended(`/workloads/${workload}`, "workload")).status, "available");
	renameSync(`${volume}.away`, volume);

	const broken = await call(user, "POST", `/snapshots/${bad}`, { restore: { options: {} } });
	t.is(broken.status, 409, "nor one that failed");
	const kept = await call(user, "DELETE", `/workloads/${workload}`);
	t.is(kept.status, 409);
	t.regex(message(kept.body), /still has 2 snapshot/);

	t.deepEqual(await stage.restore(good), [hashes], "what was stored before is as good as before");

	for (const id of [good, bad]) t.is((await call(user, "DELETE", `/snapshots/${id}`)).status, 202);
	for (const id of [good, bad]) {
		let status = 0;
		for (let tries = 0; tries < 200 && status !== 404; tries++) {
			status = (await call(user, "GET", `/snapshots/${id}`)).status;
			await new Promise((wake) => setTimeout(wake, 100));
		}
		t.is(status, 404, "the snapshot is gone");
	}
	t.is((await call(user, "DELETE", `/workloads/${workload}`)).status, 202);
});
