import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { finished, type TestPlatform, testPlatform } from "./platform.ts";
import { startProgram } from "./process.ts";
import type { Json } from "./proxy.ts";

test("entities, code and activations outlive the platform", async (t) => {
	const folder = mkdtempSync(join(tmpdir(), "ow-"));
	const store = await startProgram("platform/mongo/main.ts", [
		"--data",
		join(folder, "data"),
		"--socket",
		join(folder, "m.sock"),
	]);
	const options = { storeUri: store.ready.uri, auth: "uuid:restart" };
	const platforms: TestPlatform[] = [];
	const start = async () => {
		const platform = await testPlatform(options);
		platforms.push(platform);
		return platform;
	};
	try {
		const before = await start();
		const parameters = [
			{ key: "a.b", value: { $set: 1.5, big: 2 ** 53 } },
			{ key: "$c", value: null },
		];
		const exec = {
			kind: "nodejs:20",
			code: `// ${"x".repeat(5_000_000)}\nfunction main(args) { console.log("ran"); return args }`,
		};
		await before.rest("PUT", "packages/p", { parameters });
		await before.rest("PUT", "actions/p/a", { exec, annotations: [{ key: "mine", value: true }] });
		await before.rest("PUT", "triggers/t.1", {});
		await before.client.rules.create({ name: "r.1", trigger: "t.1", action: "p/a" });
		const first = (await before.rest("POST", "actions/p/a?blocking=true", { x: 1 })).body;
		t.deepEqual(first.response.result, { "a.b": { $set: 1.5, big: 2 ** 53 }, $c: null, x: 1 });
		t.is((await before.rest("PUT", "actions/p/a", { exec })).status, 409);
		const action = (await before.rest("GET", "actions/p/a")).body;
		await before.stop();

		const after = await start();
		t.deepEqual((await after.rest("GET", "actions/p/a")).body, action);
		t.deepEqual((await after.rest("GET", `activations/${first.activationId}`)).body, first);
		t.is((await after.client.rules.get("r.1")).status, "active");
		const { activationId } = await after.client.triggers.invoke({ name: "t.1", params: { y: 2 } });
		const [line] = (await finished(after, activationId)).logs;
		const ran = await finished(after, JSON.parse(line).activationId);
		t.is(ran.response.result.y, 2);
		t.deepEqual(
			(await after.rest("GET", "activations?name=p/a")).body.map((one: Json) => one.activationId),
			[ran.activationId, first.activationId],
		);
		t.deepEqual((await after.rest("GET", "activations?count=true")).body, { activations: 3 });
		t.is((await after.rest("DELETE", "rules/r.1")).status, 200);
		t.is((await after.rest("DELETE", "actions/p/a")).status, 200);
		t.is((await after.rest("DELETE", "packages/p")).status, 200);
	} finally {
		for (const platform of platforms) await platform.stop(100);
		await store.end("SIGTERM");
		rmSync(folder, { recursive: true, force: true });
	}
});
