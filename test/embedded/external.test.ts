import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { startChild } from "#deploy/embedded/child.ts";
import { startStack, userSession } from "#deploy/embedded/stack.ts";

test("with a MongoDB given, the stack keeps its state there and starts no store of its own", async (t) => {
	t.timeout(120_000);
	const folder = mkdtempSync(join(tmpdir(), "holdfast-external-"));
	t.teardown(() => rmSync(folder, { recursive: true, force: true }));
	// Any server of the wire protocol will do; this one is here.
	const mongo = await startChild({
		name: "mongo",
		script: "platform/mongo/main.ts",
		args: ["--data", join(folder, "mongo"), "--socket", join(folder, "m.sock")],
		logFolder: folder,
	});
	t.teardown(() => mongo.stop());
	const dataFolder = join(folder, "stack");
	const stack = await startStack({
		dataFolder,
		ports: { cloud: 0, openwhisk: 0, workloads: 0, datamover: 0 },
		mongodbUri: mongo.ready.uri as string,
		log: () => {},
	});
	t.teardown(() => stack.stop());
	const answer = await userSession(stack.authUrl).request("workloads", "GET", "/workloads");
	t.deepEqual(answer.body, { workloads: [] });
	t.false(existsSync(join(dataFolder, "store")));
	await stack.stop();
});
