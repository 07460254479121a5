import test from "ava";
import { finished, testPlatform } from "./platform.ts";
import type { Json } from "./proxy.ts";

const platform = await testPlatform();
const { client } = platform;

const exec = { kind: "nodejs:20", code: "function main(args) { return { args } }" };
await platform.rest("PUT", "packages/pkg", { parameters: [{ key: "bound", value: 1 }] });
await platform.rest("PUT", "actions/pkg/seen", { exec });

test.after.always(() => platform.stop(100));

test("firing runs each active rule's action once, and says so in the trigger's own activation", async (t) => {
	await platform.rest("PUT", "triggers/event", { parameters: [{ key: "fromTrigger", value: 2 }] });
	await client.rules.create({ name: "one", trigger: "event", action: "pkg/seen" });
	await client.rules.create({ name: "two", trigger: "/_/event", action: "/guest/pkg/seen" });
	await client.rules.create({ name: "off", trigger: "event", action: "pkg/seen" });
	await client.rules.disable({ name: "off" });

	const { status, body } = await platform.rest("POST", "triggers/event", { payload: 3 });
	t.is(status, 202);
	const fired = await finished(platform, body.activationId);
	t.like(fired, { name: "event", response: { status: "success", success: true, result: { payload: 3 } } });
	t.is(fired.end, undefined);
	const lines: Json[] = fired.logs.map((line: string) => JSON.parse(line));
	t.deepEqual(lines.map(({ rule }) => rule).sort(), ["guest/one", "guest/two"]);
	for (const line of lines) {
		t.like(line, { action: "guest/pkg/seen", statusCode: 0, success: true });
		const activation = await finished(platform, line.activationId);
		t.is(activation.cause, body.activationId);
		t.like(activation.response.result.args, { bound: 1, fromTrigger: 2, payload: 3 });
		t.truthy(
			activation.response.result.args.__ow_headers["user-agent"] ?? activation.response.result.args.__ow_headers.host,
		);
		t.is(activation.response.result.args.__ow_headers.authorization, undefined);
	}
});

test("without an active rule, firing is 204 and leaves no record", async (t) => {
	await platform.rest("PUT", "triggers/quiet", {});
	t.is((await platform.rest("POST", "triggers/quiet", {})).status, 204);
	await client.rules.create({ name: "quiet-rule", trigger: "quiet", action: "pkg/seen" });
	await client.rules.disable({ name: "quiet-rule" });
	t.is((await platform.rest("POST", "triggers/quiet", {})).status, 204);
	t.false("activationId" in (await client.triggers.invoke({ name: "quiet" })));
	t.deepEqual(await client.activations.list({ name: "quiet" }), []);
	t.is((await platform.rest("POST", "triggers/none", {})).status, 404);
});

test("a rule whose action is gone is a line in the log, not tried again", async (t) => {
	await platform.rest("PUT", "triggers/lost", {});
	await platform.rest("PUT", "actions/short-lived", { exec });
	await client.rules.create({ name: "lost-rule", trigger: "lost", action: "short-lived" });
	await client.actions.delete("short-lived");
	const { activationId } = await client.triggers.invoke({ name: "lost" });
	const { logs } = await finished(platform, activationId);
	t.is(logs.length, 1);
	const expected = {
		rule: "guest/lost-rule",
		success: false,
		statusCode: 1,
		error: "The requested resource does not exist.",
	};
	t.like(JSON.parse(logs[0]), expected);
});

test("rules: created active, switched, kept over an overwrite, taken out of the trigger when deleted", async (t) => {
	await platform.rest("PUT", "triggers/switch", {});
	const created = await platform.rest("PUT", "rules/switched", { trigger: "/_/switch", action: "/_/pkg/seen" });
	t.like(created.body, {
		status: "active",
		trigger: { path: "guest", name: "switch" },
		action: { path: "guest/pkg", name: "seen" },
	});
	t.is((await platform.rest("PUT", "rules/switched", { trigger: "/_/switch", action: "/_/pkg/seen" })).status, 409);
	t.is((await platform.rest("POST", "rules/switched", { status: "inactive" })).status, 200);
	t.is((await client.rules.get("switched")).status, "inactive");
	const again = await platform.rest("PUT", "rules/switched?overwrite=true", {});
	t.like(again.body, { status: "inactive", version: "0.0.2" });
	t.is((await platform.rest("POST", "rules/switched", { status: "on" })).status, 400);
	await client.rules.enable({ name: "switched" });
	const rules = () => client.triggers.get("switch").then((trigger) => trigger.rules);
	t.deepEqual(await rules(), {
		"guest/switched": { action: { path: "guest/pkg", name: "seen" }, status: "active" },
	});
	// An overwrite of the trigger keeps its rules.
	await client.triggers.update({ name: "switch", trigger: { parameters: [] } });
	t.truthy((await rules())?.["guest/switched"]);
	await client.rules.delete("switched");
	t.deepEqual(await rules(), {});
});

test("a rule needs a trigger and an action that are there", async (t) => {
	await platform.rest("PUT", "triggers/there", {});
	const put = (body: unknown) => platform.rest("PUT", "rules/refused", body);
	const noTrigger = await put({ trigger: "/_/gone", action: "/_/pkg/seen" });
	t.is(noTrigger.status, 400);
	t.is(noTrigger.body.error, "trigger /guest/gone does not exist");
	const noAction = await put({ trigger: "/_/there", action: "/_/pkg/gone" });
	t.is(noAction.body.error, "action /guest/pkg/gone does not exist");
	t.is((await put({ action: "/_/pkg/seen" })).status, 400);
	await client.rules.create({ name: "orphan", trigger: "there", action: "pkg/seen" });
	await client.triggers.delete("there");
	t.is((await client.rules.get("orphan")).status, "inactive");
	const activated = await platform.rest("POST", "rules/orphan", { status: "active" });
	t.is(activated.status, 404);
	t.is(activated.body.error, "Only rules with existing triggers can be activated");
});

test("rules of one trigger changed at the same time are all kept", async (t) => {
	await platform.rest("PUT", "triggers/busy", {});
	const names = ["r1", "r2", "r3", "r4", "r5"];
	await Promise.all(names.map((name) => client.rules.create({ name, trigger: "busy", action: "pkg/seen" })));
	const { rules = {} } = await client.triggers.get("busy");
	t.deepEqual(
		Object.keys(rules).sort(),
		names.map((name) => `guest/${name}`),
	);
});
