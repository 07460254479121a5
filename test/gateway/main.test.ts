import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import test from "ava";
import { secret, serviceUser, setStage } from "./stage.ts";
import { json } from "./upstream.ts";

const script = fileURLToPath(new URL("../../gateway/main.ts", import.meta.url));
const environment = { PATH: process.env.PATH, HOLDFAST_GATEWAY_SECRET: secret, ...serviceUser };

const readyLine = async (child: ChildProcess): Promise<Record<string, string>> => {
	const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
	const [line] = (await once(lines, "line")) as [string];
	return JSON.parse(line);
};

test("as a process: says when it is ready, ends requests under way on SIGTERM, exits with 0", async (t) => {
	const stage = await setStage();
	t.teardown(stage.close);
	const folder = await mkdtemp(join(tmpdir(), "gateway-test-"));
	t.teardown(() => rm(folder, { recursive: true }));
	await writeFile(
		join(folder, "gateway.yaml"),
		`listen: 127.0.0.1:0\ndatamover-listen: "127.0.0.1:0"\nnamespace: wrong\n`,
	);
	const args = [
		...["--config", join(folder, "gateway.yaml"), "--namespace", "guest"],
		...["--openwhisk", stage.openwhisk.url, "--auth-url", stage.cloud.authUrl],
	];
	const child = spawn(process.execPath, [script, ...args], { env: environment, stdio: ["ignore", "pipe", "pipe"] });
	t.teardown(() => child.kill("SIGKILL"));
	let log = "";
	child.stderr?.on("data", (chunk) => {
		log += chunk;
	});
	const ready = await readyLine(child);
	t.like(ready, { ready: true });
	let release = (): void => {};
	const arrived = new Promise<void>((resolve) => {
		stage.openwhisk.answer = (_arrived, response) => {
			release = () => json(response, 200, { workloads: [] });
			resolve();
		};
	});
	const token = await stage.token();
	const underWay = fetch(`${ready.workloads}/v1/${stage.project}/workloads`, { headers: { "x-auth-token": token } });
	await arrived;
	t.regex(stage.openwhisk.arrived[0]?.url ?? "", /^\/api\/v1\/web\/guest\//, "the command line wins over the file");
	child.kill("SIGTERM");
	await new Promise((resolve) => setTimeout(resolve, 300));
	t.is(child.exitCode, null);
	await t.throwsAsync(fetch(`${ready.workloads}/healthcheck`), undefined, "new connections are refused");
	release();
	const answered = await underWay;
	t.is(answered.status, 200);
	t.is(answered.headers.get("connection"), "close", "or the caller's idle connection would hold up the end");
	t.deepEqual(await once(child, "exit"), [0, null]);
	const access = log.split("\n").map((line) => (line ? JSON.parse(line) : {}));
	t.true(access.some((line) => line.event === "access" && line.status === 200 && line.activation_id === "a1b2"));
});

test("a bad option ends it with 2 and a sentence, a missing service user with 1", (t) => {
	const start = (args: string[], env: NodeJS.ProcessEnv) => {
		const { status, stderr } = spawnSync(process.execPath, [script, ...args], { env, encoding: "utf8" });
		return [status, stderr.trim()];
	};
	t.deepEqual(start([], environment), [
		2,
		"--openwhisk must be the http:// or https:// address of OpenWhisk's API host.",
	]);
	const args = ["--openwhisk", "http://127.0.0.1:1", "--auth-url", "http://127.0.0.1:1/v3"];
	const [status, sentence] = start(args, { ...environment, OS_PASSWORD: undefined });
	t.is(status, 1);
	t.regex(String(sentence), /set OS_PASSWORD in its environment/);
});
