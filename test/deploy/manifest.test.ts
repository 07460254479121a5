import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";
import { desiredState, managedBy } from "#deploy/desired.ts";
import { readManifest } from "#deploy/manifest.ts";

const own = fileURLToPath(new URL("../../deploy/manifest.yaml", import.meta.url));
const required = {
	MONGODB_URI: "mongodb://x",
	OS_AUTH_URL: "http://k",
	OS_USERNAME: "u",
	OS_PASSWORD: "p",
	OS_PROJECT_NAME: "n",
	HOLDFAST_GATEWAY_SECRET: "s",
};
const emptyBundle = async (actions: unknown[]) => actions.map(() => ({ code: "", sha: "0" }));

test("Holdfast's own manifest: every action behind the gateway's secret, except the orchestrator, which is not on the web", async (t) => {
	const { packages, actions, triggers, rules } = await desiredState(readManifest(own), required, emptyBundle);
	t.deepEqual(
		packages.map(({ name }) => name),
		["holdfast"],
	);
	t.deepEqual(
		packages[0]?.parameters.map(({ key }) => key),
		Object.keys(required).slice(0, 5),
	);
	const names = ["workloads", "snapshots", "restores", "datamover", "orchestrator"].map((name) => `holdfast/${name}`);
	t.deepEqual(
		actions.map(({ name }) => name),
		names,
	);
	for (const { name, annotations, kind, limits } of actions) {
		t.is(kind, "nodejs:20");
		t.deepEqual(limits, { timeout: 60_000, memory: 256 });
		const { sha, ...given } = Object.fromEntries(annotations.map(({ key, value }) => [key, value]));
		t.regex(String(sha), /^[0-9a-f]{64}$/);
		const web = {
			"web-export": true,
			"raw-http": true,
			final: true,
			"web-custom-options": true,
			"require-whisk-auth": "s",
		};
		const common = { "provide-api-key": true, [managedBy.key]: managedBy.value };
		t.deepEqual(given, name === "holdfast/orchestrator" ? common : { ...web, ...common });
	}
	t.deepEqual(
		triggers.map(({ name }) => name),
		["run-changed", "tick"],
	);
	t.deepEqual(
		rules.map(({ name, trigger, action }) => [name, trigger, action]),
		[
			["run-changed-advances", "run-changed", "holdfast/orchestrator"],
			["tick-reconciles", "tick", "holdfast/orchestrator"],
		],
	);
});

test("each missing required value of the own manifest is named", async (t) => {
	const error = await t.throwsAsync(desiredState(readManifest(own), {}, emptyBundle));
	for (const name of Object.keys(required)) t.true(error?.message.includes(name), name);
	t.false(error?.message.includes("OS_REGION_NAME"));
});

const refusals: [string, string, RegExp][] = [
	["an unknown key", "packages: { p: { actoins: {} } }", /package p has 'actoins', which this deployer does not know/],
	["no package", "packages: {}", /names no package/],
	["an action without a function", "packages: { p: { actions: { a: {} } } }", /action a needs a 'function'/],
	[
		"a limit that is no number",
		"packages: { p: { actions: { a: { function: x, limits: { timeout: x } } } } }",
		/limit timeout must be a whole number/,
	],
	[
		"a rule without an end",
		"packages: { p: { rules: { r: { trigger: t } } } }",
		/rule r needs a 'trigger' and an 'action'/,
	],
	[
		"a rule to nowhere",
		"packages: { p: { triggers: { t: }, rules: { r: { trigger: t, action: a } } } }",
		/names the action 'p\/a', which is not in it/,
	],
	[
		"a rule from nowhere",
		"packages: { p: { rules: { r: { trigger: t, action: a } } } }",
		/names the trigger 't', which is not in it/,
	],
	["a list for a map", "packages: [1]", /packages must be a map/],
];
for (const [what, text, reason] of refusals)
	test(`a manifest with ${what} is refused in a sentence`, (t) => {
		const folder = mkdtempSync(join(tmpdir(), "manifest-test-"));
		try {
			writeFileSync(join(folder, "m.yaml"), text);
			t.throws(() => readManifest(join(folder, "m.yaml")), { message: reason });
		} finally {
			rmSync(folder, { recursive: true, force: true });
		}
	});
