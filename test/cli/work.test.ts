import { writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { available, restore, snapshot, workload } from "./api.ts";
import { ids, type Stage, setStage } from "./stage.ts";

let stage: Stage;
test.before(async () => {
	stage = await setStage({ instances: true });
});
test.after.always(() => stage.close());
test.serial.beforeEach(() => {
	const { api } = stage;
	api.workloads = [workload(ids.web, "web")];
	api.snapshots = [snapshot(ids.snapshot, ids.web, "before-upgrade", available)];
	api.restores = [restore(ids.restore, ids.snapshot, ids.web, "monday")];
	api.agents = [
		{
			...{
				host: "compute-1",
				status: "Up",
				disabled: false,
				disabled_reason: null,
				version: "0.1.0",
				slots: 4,
				running: 1,
			},
			...{ targets: ["default"], last_seen_at: "2026-11-24T02:30:00.000000" },
		},
	];
	api.seen.length = 0;
	api.story = [{}];
});
const posted = () => stage.api.seen.find(({ method }) => method === "POST");

test.serial("instances by name or id become a workload", async (t) => {
	const ended = await stage.holdfast(
		"workload",
		"create",
		"shop",
		"--instance",
		"web-1",
		"--instance",
		ids.gone,
		"--description",
		"all of it",
	);
	t.is(ended.code, 0, ended.stderr);
	const body = posted()?.body as { workload: { name: string; instances: { "instance-id": string }[] } };
	t.like(body.workload, { name: "shop", description: "all of it" });
	t.is(body.workload.instances[1]?.["instance-id"], ids.gone);
	t.regex(body.workload.instances[0]?.["instance-id"] ?? "", /^[0-9a-f-]{36}$/);
	const twin = await stage.holdfast("workload", "create", "shop", "--instance", "twin");
	t.is(twin.code, 1);
	t.regex(twin.stderr, /2 instances are named 'twin': /);
	t.is((await stage.holdfast("workload", "create", "shop", "--instance", "nobody")).code, 3);
});

test.serial("a snapshot, full only when asked for", async (t) => {
	t.is((await stage.holdfast("workload", "snapshot", "web", "--name", "first")).code, 0);
	t.deepEqual([posted()?.query.get("full"), posted()?.body], ["0", { snapshot: { name: "first" } }]);
	stage.api.seen.length = 0;
	const { stdout } = await stage.holdfast("workload", "snapshot", "web", "--full", "-f", "json");
	t.is(posted()?.query.get("full"), "1");
	t.like(JSON.parse(stdout), { snapshot_type: "full", status: "creating", workload_id: ids.web });
});

test.serial("lists narrowed by name, shows, cancels, agents", async (t) => {
	const value = ["-f", "value", "-c", "ID"];
	t.is((await stage.holdfast("snapshot", "list", "--workload", "web", ...value)).stdout, `${ids.snapshot}\n`);
	t.is((await stage.holdfast("restore", "list", "--snapshot", "before-upgrade", ...value)).stdout, `${ids.restore}\n`);
	const table = (await stage.holdfast("snapshot", "show", "before-upgrade")).stdout;
	t.regex(table, /\| instances +\| web-1 vda: 2\.00 GiB, 1\.20 GiB stored/);
	t.regex(table, /\| time_taken +\| 75 s/);
	t.is((await stage.holdfast("snapshot", "cancel", "before-upgrade")).code, 0);
	t.regex(stage.api.seen.at(-1)?.path ?? "", new RegExp(`/snapshots/${ids.snapshot}/cancel$`));
	t.is((await stage.holdfast("restore", "cancel", "monday")).code, 0);
	t.is((await stage.holdfast("restore", "delete", "monday")).code, 0);
	t.is(stage.api.restores.length, 0);
	t.regex((await stage.holdfast("agent", "list")).stdout, /\| compute-1 \| Up +\| true +\| 1 of 4 +\| default/);
});

const optionsOf = async (...args: string[]) => {
	stage.api.seen.length = 0;
	const ended = await stage.holdfast("restore", "create", "before-upgrade", ...args);
	const options = (posted()?.body as { restore?: { options: unknown } } | undefined)?.restore?.options;
	return { ...ended, options };
};

test.serial("restore options: everything, one click, or what was chosen", async (t) => {
	const selective = { type: "openstack", oneclickrestore: false, restore_type: "selective" };
	t.deepEqual((await optionsOf()).options, { ...selective, openstack: {} });
	t.deepEqual((await optionsOf("--oneclick")).options, {
		...{ type: "openstack", oneclickrestore: true, restore_type: "oneclick", openstack: {} },
	});
	const target = ids.gone;
	const chosen = await optionsOf("--instance", "web-1:web-1-old", "--network", `prod:${target}`);
	t.deepEqual(chosen.options, {
		...selective,
		openstack: {
			instances: [{ id: "3c6a1f1e-0000-4000-8000-000000000001", include: true, name: "web-1-old" }],
			networks_mapping: {
				networks: [
					{ snapshot_network: { id: "3c6a1f1e-0000-4000-8000-00000000000a" }, target_network: { id: target } },
				],
			},
		},
	});
	const named = (await optionsOf("--network", "prod:demo-net")).options as {
		openstack: { networks_mapping: { networks: { target_network: { id: string } }[] } };
	};
	t.regex(named.openstack.networks_mapping.networks[0]?.target_network.id ?? "", /^[0-9a-f-]{36}$/);
	t.regex((await optionsOf("--instance", "web-9")).stderr, /No instance of the snapshot with a name or ID of 'web-9'/);
	t.is((await optionsOf("--network", "prod")).code, 2);
	t.is((await optionsOf("--oneclick", "--instance", "web-1")).code, 2);
	t.is((await optionsOf("--filename", "x.json", "--oneclick")).code, 2);
});

test.serial("restore options from a file: JSON, YAML, and the literals of T4O's tools", async (t) => {
	const file = join(stage.folder, "restore.txt");
	const wanted = {
		oneclickrestore: false,
		restore_type: "selective",
		openstack: { instances: [{ id: ids.gone, include: true, name: null }] },
	};
	for (const text of [
		JSON.stringify(wanted),
		JSON.stringify({ restore: { options: wanted } }),
		`oneclickrestore: false\nrestore_type: selective\nopenstack:\n  instances:\n    - {id: ${ids.gone}, include: true, name: null}\n`,
		`{'oneclickrestore': False, 'restore_type': 'selective', 'openstack': {'instances': [{'id': '${ids.gone}', 'include': True, 'name': None}]}}`,
	]) {
		writeFileSync(file, text);
		t.deepEqual((await optionsOf("--filename", file)).options, wanted, text);
	}
	writeFileSync(file, "- a list");
	t.regex((await optionsOf("--filename", file)).stderr, /must have restore options/);
	t.is((await optionsOf("--filename", "/nowhere")).code, 2);
});

test.serial("a dry run shows what would be created, and creates nothing", async (t) => {
	const ended = await optionsOf("--dry-run", "-f", "value");
	t.is(ended.code, 0, ended.stderr);
	t.is(
		ended.stdout,
		`instance web-1 from 3c6a1f1e-0000-4000-8000-000000000001, flavor 2, network 3c6a1f1e-0000-4000-8000-00000000000a, vda 2.00 GiB, vdb 1.00 GiB
volume web-1-data 1 GiB, type ssd, vdb of web-1
`,
	);
	t.is(ended.stderr, "The captured key pair is not used.\n");
	t.is(stage.api.restores.length, 1);
});
