import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { stringify } from "yaml";
import { workload } from "./api.ts";
import { bin, ids, run, type Stage, setStage } from "./stage.ts";

let stage: Stage;
test.before(async () => {
	stage = await setStage();
	stage.api.workloads = [workload(ids.web, "web")];
});
test.after.always(() => stage.close());

const domains = { user_domain_name: "Default", project_domain_name: "Default" };
const cloud = (username: string, project_name: string, more: object = {}) => ({
	auth: { auth_url: stage.cloud.authUrl, username, password: `${username}-secret`, project_name, ...domains },
	...more,
});

/** Writes `clouds.yaml` and others into a folder of its own, and runs `workload list` there. */
const listWith = async (
	files: Record<string, object>,
	{ args = [], env = {} }: { args?: string[]; env?: Record<string, string> } = {},
) => {
	const cwd = join(stage.folder, crypto.randomUUID());
	mkdirSync(join(cwd, ".config", "openstack"), { recursive: true });
	for (const [name, clouds] of Object.entries(files)) writeFileSync(join(cwd, name), stringify({ clouds }));
	stage.api.seen.length = 0;
	const ended = await run(bin, [...args, "workload", "list", "-f", "value", "-c", "Name"], cwd, env);
	rmSync(cwd, { recursive: true });
	const project = stage.api.seen[0]?.path.split("/")[2];
	return { ...ended, project: ["demo", "other"].find((name) => stage.cloud.projectId(name) === project) };
};

test.serial("a named cloud, a secret of its own file, the working folder before the home folder", async (t) => {
	const { password: _, ...auth } = cloud("demo", "demo").auth;
	const files = {
		"clouds.yaml": { here: { auth }, wrong: cloud("other", "other") },
		"secure.yaml": { here: { auth: { password: "demo-secret" } } },
		".config/openstack/clouds.yaml": { here: cloud("other", "other") },
	};
	t.like(await listWith(files, { args: ["--os-cloud", "here"] }), { code: 0, stdout: "web\n", project: "demo" });
	t.like(await listWith(files, { env: { OS_CLOUD: "here" } }), { project: "demo" });
	t.like(await listWith(files, { env: { OS_CLOUD: "here" }, args: ["--os-cloud", "wrong"] }), { project: "other" });
	const { "clouds.yaml": __, ...home } = files;
	t.like(await listWith(home, { env: { OS_CLOUD: "here" } }), { code: 1 }, "secure.yaml is merged into it, too");
	t.like(
		await listWith(
			{ ".config/openstack/clouds.yaml": { here: cloud("other", "other") } },
			{ env: { OS_CLOUD: "here" } },
		),
		{
			project: "other",
		},
	);
});

test.serial("a named cloud is not mixed with OS_* of another identity; variables alone are enough", async (t) => {
	const files = { "clouds.yaml": { here: cloud("demo", "demo") } };
	const other = { ...stage.environment, OS_USERNAME: "other", OS_PASSWORD: "other-secret", OS_PROJECT_NAME: "other" };
	t.like(await listWith(files, { env: { ...other, OS_CLOUD: "here" } }), { project: "demo" });
	t.like(await listWith(files, { env: other }), { project: "other" });
	t.like(await listWith(files), { project: "demo" }, "the only cloud there is");
	t.like(
		await listWith(files, {
			env: other,
			args: ["--os-username", "demo", "--os-password", "demo-secret", "--os-project-name", "demo"],
		}),
		{
			project: "demo",
		},
	);
});

test.serial("no such cloud, too many clouds, a broken file: sentences", async (t) => {
	const two = { "clouds.yaml": { one: cloud("demo", "demo"), two: cloud("other", "other") } };
	t.like(await listWith(two), {
		code: 2,
		stderr: "holdfast: clouds.yaml has one, two; choose one with --os-cloud or OS_CLOUD.\n",
	});
	t.regex(
		(await listWith(two, { args: ["--os-cloud", "three"] })).stderr,
		/no cloud three in clouds\.yaml; it has one, two/,
	);
	const config = join(stage.folder, "broken.yaml");
	writeFileSync(config, "clouds: [");
	const broken = await run(bin, ["workload", "list"], stage.folder, { OS_CLIENT_CONFIG_FILE: config });
	t.is(broken.code, 2);
	t.regex(broken.stderr, /broken\.yaml cannot be read/);
});

test.serial("region and interface choose the endpoint; an override needs no catalog", async (t) => {
	const elsewhere = { "clouds.yaml": { here: cloud("demo", "demo", { region_name: "Nowhere" }) } };
	t.regex((await listWith(elsewhere)).stderr, /in region Nowhere/);
	t.like(await listWith(elsewhere, { args: ["--os-region-name", "RegionOne", "--os-interface", "internal"] }), {
		project: "demo",
	});
	t.like(await listWith(elsewhere, { args: ["--endpoint", stage.api.url] }), { project: "demo" });
	const base = `${stage.api.url}/v1/${stage.cloud.projectId("demo")}`;
	t.like(await listWith(elsewhere, { env: { OS_WORKLOADS_ENDPOINT_OVERRIDE: base } }), { project: "demo" });
	t.is((await listWith(elsewhere, { args: ["--endpoint", "localhost"] })).code, 2);
});

test.serial("a token is enough", async (t) => {
	const { adminSession } = await import("#deploy/embedded/stack.ts");
	const { id } = await adminSession(stage.cloud.authUrl).token();
	t.like(await listWith({}, { env: { OS_AUTH_URL: stage.cloud.authUrl, OS_TOKEN: id, OS_AUTH_TYPE: "token" } }), {
		code: 0,
	});
	t.is(stage.api.seen[0]?.token, id);
});

test.serial("bin/holdfast works through symbolic links, from any folder", async (t) => {
	const folder = join(stage.folder, "a b");
	mkdirSync(folder);
	symlinkSync(bin, join(folder, "absolute"));
	symlinkSync("absolute", join(folder, "relative"));
	const ended = await run(
		join(folder, "relative"),
		["workload", "list", "-f", "value", "-c", "Name"],
		"/",
		stage.environment,
	);
	t.like(ended, { code: 0, stdout: "web\n", stderr: "" });
	const byPath = await run("sh", ["-c", 'PATH="$PWD:$PATH"; relative --version'], folder, {});
	t.regex(byPath.stdout, /^\d+\.\d+\.\d+\n$/);
});

test.serial("without npm ci it says so", async (t) => {
	const checkout = join(stage.folder, "checkout");
	mkdirSync(join(checkout, "bin"), { recursive: true });
	await run("cp", [bin, join(checkout, "bin", "holdfast")], "/", {});
	const ended = await run(join(checkout, "bin", "holdfast"), ["workload", "list"], "/", {});
	t.is(ended.code, 1);
	t.regex(ended.stderr, /Node is not installed in .*checkout yet; run: .*npm ci/);
});
