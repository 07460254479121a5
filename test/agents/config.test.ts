import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import test from "ava";
import { parse } from "yaml";
import { divideMemory } from "#agents/compute/budget.ts";
import { loadConfig, readConfig } from "#agents/compute/config.ts";
import { agentErrors } from "#agents/compute/errors.ts";
import { BadOption } from "#agents/compute/options.ts";
import { openLab } from "./lab.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const guide = readFileSync(`${root}docs/agent.md`, "utf8");
const identity = { OS_AUTH_URL: "http://k:5000/v3", OS_USERNAME: "a", OS_PASSWORD: "p", OS_PROJECT_NAME: "s" };
const targets = { default: { type: "file", path: "/mnt/b/", key_file: "/etc/k" } };

test("the guide's example is a configuration, and its table lists every option", (t) => {
	const example = /```yaml\n([\s\S]*?)```/.exec(guide)?.[1] ?? "";
	const config = readConfig(parse(example), { OS_PASSWORD: "p" });
	t.like(config, { host: hostname(), slots: 2, memoryMib: 256, bandwidthMibPerS: undefined });
	t.deepEqual(config.targets.default, {
		type: "file",
		path: "/mnt/backup",
		keyFile: "/etc/holdfast/vault-key",
		mountedOnly: true,
	});
	const folder = { targets: { default: { ...targets.default, mounted_only: false } } };
	t.like(readConfig(folder, identity).targets.default, { mountedOnly: false }, "a plain folder has to be asked for");
	t.is(config.identity.auth.password, "p");
	const error = t.throws(() => readConfig({ targets, nonsense: 1 }, identity), { instanceOf: BadOption });
	for (const name of (error?.message.split(": ")[1] ?? "").replace(".", "").split(", "))
		t.true(guide.includes(`\`${name}`), name);
	for (const code of Object.keys(agentErrors)) t.true(guide.includes(`\`${code}\``), code);
});

test("the environment comes before the file", (t) => {
	const auth = { auth_url: "http://other", username: "other", region_name: "R", interface: "internal" };
	const { identity: found } = readConfig({ targets, auth }, identity);
	t.is(found.authUrl, "http://k:5000/v3");
	t.like(found.auth.user, { name: "a", domain: { name: "Default" } });
	t.like(found, { region: "R", interface: "internal" });
	t.like(readConfig({ targets }, identity).targets.default, { path: "/mnt/b" });
});

const wrong: [string, unknown, RegExp][] = [
	["no target", {}, /^targets must name/],
	["an empty list of targets", { targets: {} }, /^targets must name/],
	["a list as targets", { targets: ["x"] }, /^targets must be/],
	["a target's type", { targets: { a: { type: "nfs" } } }, /^targets\.a\.type must be file or s3/],
	["a bucket", { targets: { a: { type: "s3", key_file: "/k" } } }, /^targets\.a\.bucket must be given/],
	[
		"an endpoint",
		{ targets: { a: { type: "s3", bucket: "b", key_file: "/k", endpoint: "s3.example.org" } } },
		/^targets\.a\.endpoint must be http/,
	],
	["a target's path", { targets: { a: { type: "file", key_file: "/k" } } }, /^targets\.a\.path must be given/],
	["a relative path", { targets: { a: { type: "file", path: "b" } } }, /^targets\.a\.path must be a path/],
	["a key file", { targets: { a: { type: "file", path: "/b" } } }, /^targets\.a\.key_file must be given/],
	["a target's name", { targets: { "a/b": {} } }, /^targets\.a\/b must be named/],
	["a target's option", { targets: { a: { ...targets.default, colour: 1 } } }, /^targets\.a\.colour is not an option/],
	[
		"mounted_only",
		{ targets: { a: { ...targets.default, mounted_only: "yes" } } },
		/mounted_only must be true or false/,
	],
	["slots", { targets, slots: 0 }, /^slots must be a whole number from 1/],
	["memory", { targets, slots: 4, memory_mib: 100 }, /^memory_mib must be a whole number from 128/],
	["bandwidth", { targets, bandwidth_mib_per_s: 1.5 }, /^bandwidth_mib_per_s must be/],
	["host", { targets, host: "" }, /^host must be/],
	["state_path", { targets, state_path: "state" }, /^state_path must be a path/],
	["datamover_url", { targets, datamover_url: "controller:8784" }, /^datamover_url must start/],
	["interface", { targets, auth: { interface: "secret" } }, /^auth\.interface must be one of/],
	["an unknown option", { targets, slot: 2 }, /^slot is not an option/],
	["a text instead of options", "slots", /must be a list/],
];
for (const [what, source, words] of wrong) {
	test(`a wrong option is named in one sentence: ${what}`, (t) => {
		t.throws(() => readConfig(source, identity), { instanceOf: BadOption, message: words });
	});
}

test("who the agent is must be known", (t) => {
	const without = (name: string) => ({ ...identity, [name]: undefined });
	for (const name of Object.keys(identity)) {
		t.throws(() => readConfig({ targets }, without(name)), { instanceOf: BadOption, message: new RegExp(name) });
	}
});

test("files that are no configuration", async (t) => {
	const lab = await openLab(t);
	t.throws(() => loadConfig(lab.at("none.yaml"), identity), { message: /none\.yaml cannot be read/ });
	writeFileSync(lab.at("bad.yaml"), "targets: [");
	t.throws(() => loadConfig(lab.at("bad.yaml"), identity), { message: /bad\.yaml cannot be read/ });
});

test("the command explains itself", async (t) => {
	const agent = (...args: string[]) =>
		promisify(execFile)(process.execPath, [`${root}agents/compute/main.ts`, ...args], { timeout: 60_000 });
	t.regex((await agent("--help")).stdout, /--config FILE[\s\S]*docs\/agent\.md/);
	t.like(await t.throwsAsync(agent(), { any: true }), {
		code: 2,
		stderr: "--config FILE must be given. See --help.\n",
	});
	t.like(await t.throwsAsync(agent("--colour"), { any: true }), { code: 2 });
});

test("memory is divided so that all slots together stay within it", (t) => {
	for (const [mib, slots] of [
		[32, 1],
		[256, 2],
		[2048, 64],
	] as const) {
		const { vaultBytes, transferBytes, transfers } = divideMemory(mib, slots);
		t.true(slots * (vaultBytes + transferBytes * transfers) <= mib * 2 ** 20);
		t.true(vaultBytes >= 16 * 2 ** 20, "what a vault needs at least");
	}
});
