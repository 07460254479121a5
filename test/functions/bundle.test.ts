import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import { bundleActions } from "#deploy/bundle.ts";
import { openHouse } from "./stage.ts";

const run = promisify(execFile);
const names = ["workloads", "snapshots", "restores", "datamover", "orchestrator"];

const house = await openHouse();
const { uri } = await house.store.database();
const token = await house.token("demo");
const folder = mkdtempSync(join(tmpdir(), "holdfast-bundles-"));
test.after.always(async () => {
	rmSync(folder, { recursive: true, force: true });
	await house.close();
});

/** The system's Node where it is the version of OpenWhisk's runtime, and the one that runs this test. */
async function nodes(): Promise<string[]> {
	const own = process.execPath;
	try {
		const { stdout } = await run("/usr/bin/node", ["--version"]);
		return stdout.startsWith("v20.") ? ["/usr/bin/node", own] : [own];
	} catch {
		return [own];
	}
}

/** Loads a bundle as OpenWhisk's runtime does, calls `main` once, and prints what it answers last. */
const caller = `
const [file, args] = process.argv.slice(2);
console.log = () => {};
require(file).main(JSON.parse(args)).then((result) => {
	process.stdout.write(JSON.stringify(result));
	process.exit(0);
});`;

test("every action's bundle reaches store and cloud, on the Node that OpenWhisk runs", async (t) => {
	const bundles = await bundleActions(names.map((name) => ({ name, entry: `functions/${name}/main.ts` })));
	writeFileSync(join(folder, "call.cjs"), caller);
	const project = house.cloud.projectId("demo");
	const paths: Record<string, string> = {
		workloads: `/v1/${project}/workloads`,
		snapshots: `/v1/${project}/snapshots`,
		restores: `/v1/${project}/restores`,
		datamover: "/v2/agents",
	};
	for (const node of await nodes()) {
		for (const [at, name] of names.entries()) {
			const file = join(folder, `${name}.cjs`);
			writeFileSync(file, bundles[at]?.code ?? "");
			const web = {
				__ow_method: "get",
				__ow_path: paths[name],
				__ow_headers: { "x-auth-token": name === "datamover" ? await house.token("admin") : token },
			};
			const args = { ...house.settings, MONGODB_URI: uri, ...(name in paths && web) };
			const { stdout } = await run(node, [join(folder, "call.cjs"), file, JSON.stringify(args)], { timeout: 60_000 });
			const result = JSON.parse(stdout);
			if (name === "orchestrator") t.deepEqual(result, { advanced: 0 }, node);
			else t.is(result.statusCode, 200, `${name} on ${node}: ${stdout.slice(0, 300)}`);
		}
	}
});
