import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import test from "ava";
import { cronOf, startTicker } from "#triggers/tick.ts";
import { testPlatform } from "../openwhisk/platform.ts";
import { startProgram } from "../openwhisk/process.ts";
import type { Json } from "../openwhisk/proxy.ts";

const wait = (ms: number) => new Promise((done) => setTimeout(done, ms));

test("the interval becomes a cron with seconds on the clock's grid", (t) => {
	t.is(cronOf(1), "*/1 * * * * *");
	t.is(cronOf(15), "*/15 * * * * *");
	t.is(cronOf(60), "0 */1 * * * *");
	t.is(cronOf(300), "0 */5 * * * *");
	for (const seconds of [0, -1, 7, 90, 3600, 1.5, Number.NaN])
		t.throws(() => cronOf(seconds), { message: /^--every must be a number of seconds that divides a minute/ });
});

test("a tick that fails is logged, and the next one comes", async (t) => {
	const lines: string[] = [];
	let calls = 0;
	const fire = async () => {
		calls += 1;
		if (calls === 1) throw new Error("not today");
	};
	const ticker = startTicker({ everySeconds: 1, fire, log: (line) => void lines.push(line) });
	await wait(2_600);
	await ticker.stop();
	t.true(calls >= 2);
	t.deepEqual(lines, ["tick failed: not today"]);
	const after = calls;
	await wait(1_200);
	t.is(calls, after);
});

test("a tick that comes while another is under way is dropped", async (t) => {
	const lines: string[] = [];
	let calls = 0;
	let release = () => {};
	const fire = () => {
		calls += 1;
		return new Promise<void>((resolve) => {
			release = resolve;
		});
	};
	const ticker = startTicker({ everySeconds: 1, fire, log: (line) => void lines.push(line) });
	await wait(2_600);
	t.is(calls, 1);
	t.true(lines.length >= 1 && lines.every((line) => line.startsWith("tick dropped")));
	release();
	await ticker.stop();
});

test("the program fires through OpenWhisk, and lives through its absence", async (t) => {
	const platform = await testPlatform();
	await platform.rest("PUT", "actions/seen", { exec: { kind: "nodejs:20", code: "function main() {}" } });
	await platform.rest("PUT", "triggers/tick", {});
	const args = ["--apihost", platform.apihost, "--auth", platform.auth, "--every", "1"];
	const program = await startProgram("triggers/main.ts", args);
	try {
		t.deepEqual(program.ready, { ready: true, trigger: "tick" });
		await wait(1_300);
		t.true(program.stderr.some((line) => line.endsWith("tick failed: the trigger 'tick' has no active rule")));
		await platform.client.rules.create({ name: "r", trigger: "tick", action: "seen" });
		await wait(2_300);
		const names = (await platform.rest("GET", "activations")).body.map(({ name }: Json) => name);
		t.true(names.includes("tick") && names.includes("seen"), names.join());
		await platform.stop();
		await wait(1_500);
		t.true(program.stderr.some((line) => line.includes("ECONNREFUSED")));
		t.is(program.child.exitCode, null);
	} finally {
		t.is(await program.end("SIGTERM"), 0);
	}
});

test("an OpenWhisk that does not answer costs a tick, not the program", async (t) => {
	const silent = createServer(() => {}).listen(0, "127.0.0.1");
	await wait(50);
	const { port } = silent.address() as AddressInfo;
	const args = ["--apihost", `http://127.0.0.1:${port}`, "--auth", "a:b", "--every", "1"];
	const program = await startProgram("triggers/main.ts", args);
	await wait(2_300);
	t.true(program.stderr.some((line) => line.includes("tick dropped")));
	t.is(program.child.exitCode, null);
	await program.end("SIGKILL");
	silent.closeAllConnections();
	silent.close();
});
