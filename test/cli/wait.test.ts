import { spawn } from "node:child_process";
import { once } from "node:events";
import test from "ava";
import { available, snapshot, workload } from "./api.ts";
import { bin, ids, run, type Stage, setStage } from "./stage.ts";

const step = (progress_percent: number) => ({
	status: "uploading",
	progress_percent,
	done_bytes: Math.floor((2_147_483_648 * progress_percent) / 100),
});

const setWaitingStage = async (): Promise<Stage> => {
	const stage = await setStage();
	stage.api.workloads = [workload(ids.web, "web")];
	stage.api.snapshots = [snapshot(ids.snapshot, ids.web, "before-upgrade", available)];
	return stage;
};

test("--wait: plain lines on change, the last state on standard output, 0", async (t) => {
	const stage = await setWaitingStage();
	t.teardown(stage.close);
	stage.api.story = [step(10), step(10), step(60), available];
	const ended = await stage.holdfast("workload", "snapshot", "web", "--wait", "-f", "json");
	t.is(ended.code, 0, ended.stderr);
	t.is(JSON.parse(ended.stdout).status, "available");
	const lines = ended.stderr.trimEnd().split("\n");
	const line = /^snapshot [0-9a-f]{8}: uploading (\d+) %, \S+ [KMG]iB of 2\.00 GiB(, \S+ [KMG]iB\/s, \d+:\d\d left)?$/;
	for (const one of lines) t.regex(one, line);
	t.deepEqual(
		lines.map((one) => line.exec(one)?.[1]),
		["10", "60"],
	);
	t.regex(lines[1] ?? "", /MiB\/s, 0:\d\d left$/);
	t.false(ended.stderr.includes("\u001b"));
});

test("--wait that ends badly: the reason, 1, and still the last state", async (t) => {
	const stage = await setWaitingStage();
	t.teardown(stage.close);
	stage.api.story = [step(5), { status: "error", error_msg: "The disk vda of web-1 has vanished." }];
	const ended = await stage.holdfast("workload", "snapshot", "web", "--wait", "-f", "value", "-c", "status");
	t.is(ended.code, 1);
	t.is(ended.stdout, "error\n");
	t.regex(
		ended.stderr,
		/\nholdfast: The snapshot [0-9a-f-]{36} ended in error: The disk vda of web-1 has vanished\.\n$/,
	);
});

test("--wait of a restore goes on while it is restoring, and outlives an API that is away for a while", async (t) => {
	const stage = await setWaitingStage();
	t.teardown(stage.close);
	const making = { status: "restoring", progress_percent: 50, done_bytes: 1_073_741_824 };
	const made = { instances: [{ id: ids.gone, name: "web-1", metadata: { instance_id: ids.web } }] };
	stage.api.story = [making, { ...available, ...made }];
	const waiting = stage.holdfast("restore", "create", "before-upgrade", "--wait", "-f", "json");
	while (!stage.api.seen.some(({ method, path }) => method === "GET" && path.includes("/restores/"))) {
		await new Promise((resolve) => setTimeout(resolve, 20));
	}
	// 500 is not tried again by the client below; the wait itself has to live with it.
	stage.api.fail = [500, 500, 0, 503];
	const ended = await waiting;
	t.is(ended.code, 0, ended.stderr);
	t.is(JSON.parse(ended.stdout).instances[0].id, ids.gone);
	t.regex(ended.stderr, /the API does not answer, trying again/);
});

test("what is waited for disappears: 3", async (t) => {
	const stage = await setWaitingStage();
	t.teardown(stage.close);
	stage.api.story = [step(5)];
	const waiting = stage.holdfast("workload", "snapshot", "web", "--wait");
	while (!stage.api.seen.some(({ method, path }) => method === "GET" && /snapshots\/.{36}$/.test(path))) {
		await new Promise((resolve) => setTimeout(resolve, 20));
	}
	stage.api.snapshots = [];
	const ended = await waiting;
	t.is(ended.code, 3);
	t.regex(ended.stderr, /holdfast: No snapshot with a name or ID of/);
});

test("Ctrl-C stops the waiting, not the snapshot: 130 and how to look again", async (t) => {
	const stage = await setWaitingStage();
	t.teardown(stage.close);
	stage.api.story = [step(5)];
	const env = { PATH: process.env.PATH ?? "", HOME: stage.folder, ...stage.environment };
	const child = spawn(bin, ["workload", "snapshot", "web", "--wait"], {
		cwd: stage.folder,
		env,
		stdio: ["ignore", "pipe", "pipe"],
	});
	t.teardown(() => child.kill("SIGKILL"));
	let text = "";
	child.stderr.on("data", (chunk) => {
		text += chunk;
	});
	while (!text.includes("uploading")) await once(child.stderr, "data");
	child.kill("SIGINT");
	t.deepEqual(await once(child, "close"), [130, null]);
	t.regex(text, /No longer waiting\. It goes on by itself; look with: holdfast snapshot show [0-9a-f-]{36}\n$/);
});

test("on a terminal one line is drawn again and taken away at the end", async (t) => {
	const stage = await setWaitingStage();
	t.teardown(stage.close);
	stage.api.story = [step(10), step(60), available];
	const command = `'${bin}' workload snapshot web --wait -f value -c status`;
	const ended = await run("script", ["-qec", command, "/dev/null"], stage.folder, {
		...stage.environment,
		TERM: "xterm",
	});
	t.is(ended.code, 0, ended.stdout);
	const erase = "\r\u001b[2K";
	t.regex(ended.stdout, /uploading 10 %, 205 MiB of 2\.00 GiB/);
	t.regex(ended.stdout, /uploading 60 %.* left\r/);
	t.true(ended.stdout.includes(`${erase}snapshot`));
	t.true(ended.stdout.endsWith(`${erase}available\r\n`));
	t.is(ended.stdout.split("\n").length, 2, "no line but the last was left behind");
});
