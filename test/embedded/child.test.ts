import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { startChild } from "#deploy/embedded/child.ts";

const folder = mkdtempSync(join(tmpdir(), "holdfast-child-"));
test.after.always(() => rmSync(folder, { recursive: true, force: true }));

const script = (name: string, source: string): string => {
	const path = join(folder, `${name}.ts`);
	writeFileSync(path, source);
	return `../../../../../../../../${path}`;
};

const alive = (pid: number): boolean => {
	try {
		// A zombie still has an entry; it is as dead as it gets.
		return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
	} catch {
		return false;
	}
};

const until = async (condition: () => boolean): Promise<boolean> => {
	for (let tries = 0; tries < 200 && !condition(); tries++) await new Promise((wake) => setTimeout(wake, 50));
	return condition();
};

const ready = `console.log(JSON.stringify({ ready: true, url: process.env.GREETING ?? "" }));\n`;

test("a part is started when it says so, and sees only what it is given", async (t) => {
	process.env.HOLDFAST_TEST_SECRET = "leak";
	const child = await startChild({
		name: "good",
		script: script(
			"good",
			`console.error(process.env.HOLDFAST_TEST_SECRET ?? "clean");\n${ready}setInterval(() => {}, 1000);`,
		),
		args: [],
		env: { GREETING: "hello" },
		logFolder: folder,
	});
	t.is(child.ready.url, "hello");
	await child.stop();
	t.false(alive(child.pid));
	t.is(readFileSync(join(folder, "good.log"), "utf8").trim(), "clean");
});

test("a part that ends before it is ready is an error that names its log", async (t) => {
	const start = startChild({ name: "bad", script: script("bad", "process.exit(3);"), args: [], logFolder: folder });
	const error = await t.throwsAsync(start);
	t.regex(error.message, /bad did not start: it ended with code 3; see .*bad\.log/);
});

test("what a part prints before it is ready is not taken for its ready line", async (t) => {
	const source = `console.log("{ not JSON");\nconsole.log("null");\nconsole.log("{}");\n${ready}setInterval(() => {}, 1000);`;
	const child = await startChild({ name: "chatty", script: script("chatty", source), args: [], logFolder: folder });
	await child.stop();
	t.is(child.ready.url, "");
});

test("nothing of a failed start keeps the process that tried it", async (t) => {
	const bad = script("short", "process.exit(3);");
	const since = performance.now();
	const parent = await startChild({
		name: "trying",
		script: script(
			"trying",
			`import { startChild } from ${JSON.stringify(new URL("../../deploy/embedded/child.ts", import.meta.url).href)};
			await startChild({ name: "short", script: ${JSON.stringify(bad)}, args: [], logFolder: ${JSON.stringify(folder)} }).catch(() => {});
			${ready}`,
		),
		args: [],
		logFolder: folder,
	});
	t.regex(await parent.ended, /ended with code 0/);
	t.true(performance.now() - since < 30_000, "it did not wait for the deadline of the part");
});

test("an aborted start ends the part, however long it would have taken", async (t) => {
	const pidFile = join(folder, "slow-pid");
	const source = `import { writeFileSync } from "node:fs";
		writeFileSync(${JSON.stringify(pidFile)}, String(process.pid));
		setInterval(() => {}, 1000);`;
	const controller = new AbortController();
	const start = startChild({
		name: "slow",
		script: script("slow", source),
		args: [],
		logFolder: folder,
		signal: controller.signal,
	});
	start.catch(() => {});
	t.true(await until(() => existsSync(pidFile)));
	controller.abort();
	const error = await t.throwsAsync(start);
	t.regex(error.message, /slow did not start: it was interrupted/);
	t.false(alive(Number(readFileSync(pidFile, "utf8"))));
});

test("a log that has grown long is put aside", async (t) => {
	const log = join(folder, "long.log");
	writeFileSync(log, Buffer.alloc(17 * 1024 * 1024, "x"));
	const child = await startChild({ name: "long", script: script("long", ready), args: [], logFolder: folder });
	await child.ended;
	t.is(statSync(log).size, 0);
	t.is(statSync(`${log}.1`).size, 17 * 1024 * 1024);
});

test("parts end when the stack's own process is killed", async (t) => {
	const pidFile = join(folder, "pid");
	const part = script("part", `${ready}setInterval(() => {}, 1000);`);
	const parent = await startChild({
		name: "parent",
		script: script(
			"parent",
			`import { writeFileSync } from "node:fs";
			import { startChild } from ${JSON.stringify(new URL("../../deploy/embedded/child.ts", import.meta.url).href)};
			const child = await startChild({ name: "part", script: ${JSON.stringify(part)}, args: [], logFolder: ${JSON.stringify(folder)} });
			writeFileSync(${JSON.stringify(pidFile)}, String(child.pid));
			${ready}`,
		),
		args: [],
		logFolder: folder,
	});
	t.true(existsSync(pidFile));
	const pid = Number(readFileSync(pidFile, "utf8"));
	t.true(alive(pid));
	await parent.kill();
	t.true(await until(() => !alive(pid)), "the part is gone");
});
