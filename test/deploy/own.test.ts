import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { MongoClient } from "mongodb";
import { deploy } from "#deploy/deploy.ts";
import { indexesOf } from "#store/indexes.ts";
import { finished, testPlatform } from "../openwhisk/platform.ts";
import { startProgram } from "../openwhisk/process.ts";

test("Holdfast's own functions deploy to the embedded platform with its own store, and are called by their rules", async (t) => {
	const folder = mkdtempSync(join(tmpdir(), "ow-"));
	const store = await startProgram("platform/mongo/main.ts", [
		"--data",
		join(folder, "data"),
		"--socket",
		join(folder, "m.sock"),
	]);
	const platform = await testPlatform({ storeUri: store.ready.uri });
	const lines: string[] = [];
	const env = {
		MONGODB_URI: store.ready.uri,
		OS_AUTH_URL: "http://127.0.0.1:9/v3",
		OS_USERNAME: "holdfast",
		OS_PASSWORD: "a-secret-password",
		OS_PROJECT_NAME: "service",
		HOLDFAST_GATEWAY_SECRET: "the-gateway-secret",
	};
	const options = { apihost: platform.apihost, auth: platform.auth, env, log: (line: string) => void lines.push(line) };
	try {
		t.is((await deploy(options)).length, 1 + 5 + 2 + 2);
		t.deepEqual(await deploy(options), []);
		t.notRegex(lines.join("\n"), /secret/);

		const client = await new MongoClient(store.ready.uri).connect();
		const indexes = await client.db("holdfast").collection("jobs").indexes();
		t.is(indexes.length, 1 + (indexesOf.jobs?.length ?? 0));
		await client.close();

		for (const name of ["workloads", "snapshots", "restores", "datamover"]) {
			const url = `${platform.apihost}/api/v1/web/guest/holdfast/${name}.http/`;
			t.is((await fetch(url)).status, 401, name);
			const response = await fetch(url, { headers: { "x-require-whisk-auth": "the-gateway-secret" } });
			// Whatever it thinks of the request, the function itself answered.
			t.truthy(response.headers.get("x-openwhisk-activation-id"), name);
			t.truthy(response.headers.get("x-openstack-request-id"), name);
		}
		const { activationId } = await platform.client.triggers.invoke({ name: "tick" });
		const [line] = (await finished(platform, activationId)).logs;
		t.like(JSON.parse(line), { rule: "guest/tick-reconciles", action: "guest/holdfast/orchestrator", success: true });
		const ran = await finished(platform, JSON.parse(line).activationId, 20_000);
		t.not(ran.response.status, "action developer error");
	} finally {
		await platform.stop(100);
		await store.end("SIGTERM");
		rmSync(folder, { recursive: true, force: true });
	}
});
