import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { type DeployOptions, deploy } from "#deploy/deploy.ts";
import { finished, type TestPlatform, testPlatform } from "../openwhisk/platform.ts";
import type { Json } from "../openwhisk/proxy.ts";
import { environment, writeManifest } from "./manifests.ts";

type Setting = {
	platform: TestPlatform;
	folder: string;
	lines: string[];
	/** Deploys and answers the steps as `verb kind name`. */
	run(options?: Partial<DeployOptions>): Promise<string[]>;
};

const deploying = (title: string, body: (t: Json, setting: Setting) => Promise<void>) =>
	test(title, async (t) => {
		const platform = await testPlatform();
		const folder = mkdtempSync(join(tmpdir(), "deploy-test-"));
		const lines: string[] = [];
		const base = {
			apihost: platform.apihost,
			auth: platform.auth,
			env: environment,
			manifestPath: writeManifest(folder),
		};
		const run = async (options: Partial<DeployOptions> = {}) => {
			const log = (line: string) => void lines.push(line);
			const steps = await deploy({ ...base, log, prepare: async () => {}, ...options });
			return steps.map(({ verb, kind, name }) => `${verb} ${kind} ${name}`);
		};
		try {
			await body(t, { platform, folder, lines, run });
		} finally {
			await platform.stop(100);
			rmSync(folder, { recursive: true, force: true });
		}
	});

const everything = [
	"create package fixtures",
	"create action fixtures/greet",
	"create action fixtures/record",
	"create trigger changed",
	"create rule changed-records",
];
const call = (platform: TestPlatform, headers: Record<string, string> = {}) =>
	fetch(`${platform.apihost}/api/v1/web/guest/fixtures/greet`, { headers });
const gateway = { "x-require-whisk-auth": environment.GATEWAY };

deploying(
	"everything is deployed in order, works, and a second deployment sends nothing",
	async (t, { platform, run }) => {
		const order: string[] = [];
		const prepare = async () => {
			order.push(`prepared with ${(await platform.client.packages.list()).length} packages`);
		};
		t.deepEqual(await run({ prepare }), everything);
		t.deepEqual(order, ["prepared with 0 packages"]);

		t.is((await call(platform)).status, 401);
		const response = await call(platform, gateway);
		t.deepEqual(await response.json(), { method: "get", greeting: "hello world", secret: "set" });
		const { activationId } = await platform.client.triggers.invoke({ name: "changed", params: { id: 1 } });
		const [line] = (await finished(platform, activationId)).logs;
		const { response: recorded, logs } = await finished(platform, JSON.parse(line).activationId);
		t.deepEqual(recorded.result, { hasKey: true, names: ["GREETED", "SECRET", "__ow_headers", "id"] });
		t.regex(logs[0], /stdout: recorded$/);

		const before = (await platform.rest("GET", "actions/fixtures/greet")).body;
		t.deepEqual(await run(), []);
		t.deepEqual((await platform.rest("GET", "actions/fixtures/greet")).body, before);
		t.deepEqual(before.limits, { timeout: 5000, memory: 128, logs: 10, concurrency: 1 });
		t.is(before.exec.kind, "nodejs:20");
	},
);

deploying("a plan changes nothing, and shows no value", async (t, { platform, lines, run }) => {
	const prepare = async () => t.fail("a plan must not touch the store");
	t.deepEqual(await run({ plan: true, prepare }), everything);
	t.deepEqual(await platform.client.packages.list(), []);
	t.deepEqual(lines.at(-1), "5 steps; nothing has been changed");
	await run();
	const env = { GREETED: "moon", SECRET: "new-secret", GATEWAY: "new-gateway", OPTIONAL: "there" };
	lines.length = 0;
	await run({ plan: true, env });
	t.deepEqual(lines, [
		"~ update package fixtures (parameter GREETED changed, parameter SECRET changed, parameter OPTIONAL added)",
		"~ update action fixtures/greet (annotation require-whisk-auth changed, code, inputs or settings changed)",
		"2 steps; nothing has been changed",
	]);
	await run({ env });
	for (const value of Object.values({ ...environment, ...env })) t.false(lines.join("\n").includes(value), value);
	t.like(await (await call(platform, { "x-require-whisk-auth": "new-gateway" })).json(), { greeting: "hello moon" });
	const { parameters } = (await platform.rest("GET", "packages/fixtures")).body;
	t.is(parameters.find(({ key }: Json) => key === "OPTIONAL").value, "at there");
});

deploying("what the manifest no longer names is removed, but only what the deployer made", async (t, context) => {
	const { platform, folder, run } = context;
	const more = writeManifest(folder, {
		actions: "      extra: { function: ../x.ts }".replace("../x.ts", `${import.meta.dirname}/fixtures/record/main.ts`),
		rules: "      extra-rule: { trigger: changed, action: fixtures/extra }",
	});
	await run({ manifestPath: more });
	const mine = { exec: { kind: "nodejs:20", code: "function main() {}" } };
	await platform.rest("PUT", "actions/fixtures/by-hand", mine);
	await platform.rest("PUT", "triggers/by-hand-too", {});
	t.deepEqual(await run({ manifestPath: writeManifest(folder) }), [
		"delete rule extra-rule",
		"delete action fixtures/extra",
	]);
	t.is((await platform.rest("GET", "actions/fixtures/by-hand")).status, 200);
	t.is((await platform.rest("GET", "triggers/by-hand-too")).status, 200);
	t.is((await platform.rest("GET", "rules/extra-rule")).status, 404);
	t.deepEqual(await run(), []);
});

deploying("changes by hand are put right", async (t, { platform, run }) => {
	await run();
	await platform.rest("PUT", "actions/fixtures/greet?overwrite=true", {
		annotations: [
			{ key: "require-whisk-auth", value: false },
			{ key: "stray", value: 1 },
		],
		limits: { timeout: 1000 },
	});
	await platform.client.rules.disable({ name: "changed-records" });
	t.deepEqual(await run(), ["update action fixtures/greet", "enable rule changed-records"]);
	t.is((await call(platform)).status, 401);
	const { annotations, limits } = (await platform.rest("GET", "actions/fixtures/greet")).body;
	t.false(annotations.some(({ key }: Json) => key === "stray"));
	t.is(limits.timeout, 5000);
	t.deepEqual(await run(), []);
});

deploying("all that is missing is named at once, and nothing is changed", async (t, { platform, run }) => {
	const error = await t.throwsAsync(run({ env: { GREETED: "", SECRET: "hunter2" } }));
	t.is(error.message, "The deployment needs GREETED, GATEWAY in its environment; set them and deploy again.");
	t.deepEqual(await platform.client.packages.list(), []);
});

deploying("a bundle that does not load stops the deployment before anything goes live", async (t, context) => {
	const { platform, folder, run } = context;
	const manifestPath = writeManifest(folder, {
		actions: `      broken: { function: ${import.meta.dirname}/fixtures/broken/main.ts }`,
	});
	const error = await t.throwsAsync(run({ manifestPath }));
	t.is(error.message, "The bundle of the action fixtures/broken does not work: this module does not load");
	t.deepEqual(await platform.client.packages.list(), []);
	const absent = writeManifest(folder, { actions: "      absent: { function: ./absent.ts }" });
	t.regex(
		(await t.throwsAsync(run({ manifestPath: absent }))).message,
		/^The actions could not be bundled: .*absent\.ts/s,
	);
});

deploying("an OpenWhisk that is not there or does not know the key", async (t, { platform, run }) => {
	const nobody = await t.throwsAsync(run({ apihost: "http://127.0.0.1:9" }));
	t.regex(nobody.message, /^OpenWhisk at http:\/\/127\.0\.0\.1:9 could not be read: .*ECONNREFUSED/);
	const wrong = await t.throwsAsync(run({ auth: "wrong:key" }));
	t.regex(wrong.message, /could not be read: .*401 .*requires authentication/);
	t.deepEqual(await platform.client.packages.list(), []);
});
