import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import {
	appendFileSync,
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	rmSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { openJournal } from "#agents/compute/journal.ts";
import { lockState } from "#agents/compute/lock.ts";
import { openChildren } from "#agents/compute/qemu/children.ts";
import { startTicks } from "#agents/compute/qemu/proc.ts";
import { newThrottle } from "#agents/compute/throttle.ts";
import { backupJob, openLab } from "./lab.ts";

const claimOf = (id: string, token: string = randomUUID()) => {
	const instance = randomUUID();
	const locator = { kind: "nova" as const, server_id: instance, file: "disk" as const };
	return { id, lease_token: token, attempt: 1, payload: backupJob(instance, [{ locator }]) };
};
const counters = { "disk-0": { read: 3, sent: 2, stored: 1 } };
const progress = { total_bytes: 9, done_bytes: 4, read_bytes: 3, sent_bytes: 2, stored_bytes: 1 };

const openLog = async (t: ExecutionContext) => {
	const lab = await openLab(t);
	const folder = lab.at("state", "jobs");
	let now = new Date("2026-03-01T12:00:00Z");
	const damaged: string[] = [];
	const open = () => openJournal(folder, { now: () => now, onDamaged: (_file, reason) => damaged.push(reason) });
	const later = (hours: number) => {
		now = new Date(now.getTime() + hours * 3_600_000);
	};
	return { folder, open, later, damaged };
};

test("a journal tells after a restart what was kept", async (t) => {
	const { open, folder } = await openLog(t);
	const journal = await open();
	const claim = claimOf("run/step/one");
	const entry = await journal.begin(claim);
	await journal.keepPack(entry, { pack: "aa", counters, progress });
	await journal.keepPack(entry, { pack: "bb", counters, progress });
	const over = await journal.begin(claimOf("run/step/two"));
	await journal.end(over, { state: "done", result: { disks: [] } });
	const gone = await journal.begin(claimOf("run/step/three"));
	await journal.remove(gone);
	await journal.keepPack(gone, { pack: "cc", counters, progress });
	t.is(statSync(folder).mode & 0o777, 0o700);

	const found = new Map((await (await open()).load()).map((one) => [one.claim.id, one]));
	t.is(found.size, 2);
	t.deepEqual(found.get("run/step/one"), {
		claim,
		packs: ["aa", "bb"],
		counters,
		progress,
		outcome: undefined,
		droppedAt: undefined,
	});
	t.deepEqual(found.get("run/step/two")?.outcome, { state: "done", result: { disks: [] } });
});

test("a torn last line is as if it was never written; a torn claim, as if it was never taken", async (t) => {
	const { open, folder, damaged } = await openLog(t);
	const journal = await open();
	const entry = await journal.begin(claimOf("one"));
	await journal.keepPack(entry, { pack: "aa", counters, progress });
	const [name = ""] = readdirSync(folder);
	const whole = readFileSync(join(folder, name), "utf8");
	for (let length = whole.length - 1; length > whole.length - 40; length -= 7) {
		writeFileSync(join(folder, name), whole.slice(0, length));
		const after = await open();
		const [torn] = await after.load();
		t.deepEqual(torn?.packs, []);
		// What comes next must not be glued to the torn line.
		if (torn) await after.keepPack(torn, { pack: "dd", counters, progress });
		t.deepEqual((await (await open()).load())[0]?.packs, ["dd"]);
	}
	writeFileSync(join(folder, name), whole.slice(0, 50));
	writeFileSync(join(folder, "other.jsonl.new"), "half");
	t.deepEqual(await (await open()).load(), []);
	t.deepEqual(readdirSync(folder), [], "both are gone");

	await (await open()).begin(claimOf("two"));
	const [second = ""] = readdirSync(folder);
	appendFileSync(join(folder, second), "no json\n");
	t.deepEqual(await (await open()).load(), []);
	t.is(damaged.length, 1);
	t.true(existsSync(join(folder, `${second}.damaged`)), "set aside");
});

test("packs of a dropped job come back with its next claim, for a day", async (t) => {
	const { open, later } = await openLog(t);
	const journal = await open();
	const entry = await journal.begin(claimOf("one", "old"));
	await journal.keepPack(entry, { pack: "aa", counters, progress });
	await journal.drop(entry);
	later(23);
	const next = await open();
	const [hint] = await next.load();
	t.truthy(hint?.droppedAt);
	const again = await next.begin(claimOf("one", "new"));
	t.like(again, { packs: ["aa"], counters, progress: undefined, droppedAt: undefined });
	await journal.keepPack(entry, { pack: "late", counters, progress });
	await next.drop(again);
	later(25);
	t.deepEqual(await (await open()).load(), []);
});

test("the sweep ends what an earlier agent left, and only that", async (t) => {
	const lab = await openLab(t);
	const start = async () => {
		const child = spawn("sleep", ["600"], { stdio: "ignore" });
		await once(child, "spawn");
		t.teardown(() => child.kill("SIGKILL"));
		return { child, pid: child.pid as number };
	};
	const [left, other] = [await start(), await start()];
	mkdirSync(lab.at("state", "children"));
	writeFileSync(lab.at("state", "children", `${left.pid}-${startTicks(left.pid)}`), "");
	// The pid was given to another process since: it started at another time.
	writeFileSync(lab.at("state", "children", `${other.pid}-12345`), "");
	writeFileSync(lab.at("state", "children", "999999999-1"), "");
	const oldFolder = lab.at("holdfast-agent-old");
	mkdirSync(oldFolder);
	writeFileSync(lab.at("state", "socket-folder"), oldFolder);
	const { children, swept } = await openChildren(lab.at("state"));
	t.is(swept, 1);
	t.is(startTicks(left.pid), undefined);
	t.not(startTicks(other.pid), undefined);
	t.deepEqual(readdirSync(lab.at("state", "children")), []);
	t.false(existsSync(oldFolder));
	t.is(statSync(children.socketFolder).mode & 0o777, 0o700);
	children.close();

	const victim = lab.at("precious");
	mkdirSync(victim);
	writeFileSync(lab.at("state", "socket-folder"), victim);
	(await openChildren(lab.at("state"))).children.close();
	t.true(existsSync(victim), "a folder that is not ours is not removed");
});

test("a child of the agent has a record while it runs", async (t) => {
	const lab = await openLab(t);
	const { children } = await openChildren(lab.at("state"));
	const child = children.start("sleep", ["600"]);
	t.deepEqual(readdirSync(lab.at("state", "children")), [`${child.pid}-${startTicks(child.pid as number)}`]);
	const exit = once(child, "exit");
	child.kill("SIGKILL");
	await exit;
	t.deepEqual(readdirSync(lab.at("state", "children")), []);
	children.close();
});

test("a child that cannot be recorded is not left running", async (t) => {
	const lab = await openLab(t);
	const { children } = await openChildren(lab.at("state"));
	rmSync(lab.at("state", "children"), { recursive: true });
	const seconds = `600.${process.pid}`;
	t.throws(() => children.start("sleep", [seconds]), { code: "JOURNAL_FAILED" });
	const left = () =>
		readdirSync("/proc").filter((pid) => {
			try {
				return readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(seconds);
			} catch {
				return false;
			}
		});
	for (let wait = 0; wait < 100 && left().length > 0; wait++) await new Promise((resolve) => setTimeout(resolve, 20));
	t.deepEqual(left(), []);
	children.close();
});

test("a state folder has one user at a time, by whatever path", async (t) => {
	const lab = await openLab(t);
	const unlock = await lockState(lab.at("state"));
	await t.throwsAsync(lockState(`${lab.at("state")}/../state`), { message: /in use by another agent/ });
	await unlock();
	await (await lockState(lab.at("state")))();
});

test("the throttle paces all users together, and lets an abort through", async (t) => {
	const mib = 2 ** 20;
	const { signal } = new AbortController();
	const throttle = newThrottle(20, () => performance.now());
	const before = performance.now();
	await Promise.all(Array.from({ length: 5 }, () => throttle(mib, signal)));
	const tookMs = performance.now() - before;
	t.true(tookMs >= 195, `${tookMs} ms for what may start after 200 ms`);
	const stop = new AbortController();
	const waiting = throttle(100 * mib, stop.signal).then(() => throttle(mib, stop.signal));
	stop.abort();
	await t.throwsAsync(waiting, { any: true });
	await newThrottle(undefined, () => 0)(2 ** 40, signal);
});
