import { randomUUID } from "node:crypto";
import test from "ava";
import { recordHeartbeat } from "#store/agents.ts";
import { readCapture, saveCapture } from "#store/captures.ts";
import { members, orphanGraceMs, releaseMember, takeMember } from "#store/members.ts";
import { UnknownMarker } from "#store/page.ts";
import {
	insertSnapshot,
	listSnapshots,
	lockSnapshot,
	measureSnapshots,
	moveSnapshot,
	newestIntact,
	unlockSnapshot,
} from "#store/snapshots.ts";
import { IllegalMove } from "#store/transition.ts";
import { changeWorkload, insertWorkload, lockWorkload, readWorkload, unlockWorkload } from "#store/workloads.ts";
import { ownedClock } from "./clock.ts";
import { startStore } from "./embedded.ts";
import { project, sampleSnapshot, sampleWorkload } from "./samples.ts";

const store = await startStore();
test.after.always(() => store.close());

async function setUp() {
	const { db } = await store.database();
	return { db, clock: ownedClock() };
}

test("one of sixteen locks a workload, and only the holder unlocks it", async (t) => {
	const { db, clock } = await setUp();
	const workload = sampleWorkload(clock.now());
	await insertWorkload(db, workload);
	const locked = await Promise.all(
		Array.from({ length: 16 }, (_, i) => lockWorkload(db, workload._id, `run-${i}`, clock.now())),
	);
	const winners = locked.filter((one) => one !== null);
	t.is(winners.length, 1);
	t.false(await unlockWorkload(db, workload._id, "another", clock.now()));
	t.true(await unlockWorkload(db, workload._id, winners[0]?.locked_by ?? "", clock.now()));
	t.false(
		await unlockWorkload(db, workload._id, winners[0]?.locked_by ?? "", clock.now()),
		"the second time it is a no-op",
	);
});

test("a change against an older version is refused", async (t) => {
	const { db, clock } = await setUp();
	const workload = sampleWorkload(clock.now());
	await insertWorkload(db, workload);
	t.is((await changeWorkload(db, workload, { name: "first" }, clock.now()))?.rev, 1);
	t.is(await changeWorkload(db, workload, { name: "second" }, clock.now()), null);
	t.is((await readWorkload(db, workload._id))?.name, "first");
});

test("another project's workload is not there", async (t) => {
	const { db, clock } = await setUp();
	const workload = sampleWorkload(clock.now());
	await insertWorkload(db, workload);
	t.truthy(await readWorkload(db, workload._id, project));
	t.is(await readWorkload(db, workload._id, "b".repeat(32)), null);
});

test("an illegal move throws, a move from the wrong state does nothing", async (t) => {
	const { db, clock } = await setUp();
	const snapshot = sampleSnapshot(clock.now());
	await insertSnapshot(db, snapshot);
	const now = clock.now();
	await t.throwsAsync(moveSnapshot(db, snapshot._id, { from: ["creating"], to: "available", now }), {
		instanceOf: IllegalMove,
		message: "A snapshot cannot go from creating to available.",
	});
	t.is(await moveSnapshot(db, snapshot._id, { from: ["uploading"], to: "available", now }), null);
	t.is((await moveSnapshot(db, snapshot._id, { from: ["creating"], to: "executing", now }))?.status, "executing");
});

test("a snapshot is restored by one run at a time", async (t) => {
	const { db, clock } = await setUp();
	const snapshot = sampleSnapshot(clock.now(), { status: "available" });
	await insertSnapshot(db, snapshot);
	const locked = await Promise.all(["a", "b"].map((run) => lockSnapshot(db, snapshot._id, run, clock.now())));
	t.is(locked.filter((one) => one !== null).length, 1);
	const holder = locked.find((one) => one !== null)?.locked_by ?? "";
	t.false(await unlockSnapshot(db, snapshot._id, holder === "a" ? "b" : "a", clock.now()));
	t.true(await unlockSnapshot(db, snapshot._id, holder, clock.now()));
});

test("an instance is a member of one workload, whoever asks at once", async (t) => {
	const { db, clock } = await setUp();
	const instanceId = randomUUID();
	const workloads = Array.from({ length: 8 }, () => sampleWorkload(clock.now()));
	for (const workload of workloads) await insertWorkload(db, workload);
	const take = (workloadId: string) => takeMember(db, { instanceId, workloadId, projectId: project, now: clock.now() });
	const answers = await Promise.all(workloads.map(({ _id }) => take(_id)));
	t.is(answers.filter((answer) => answer === "new").length, 1);
	t.is(answers.filter((answer) => answer === "taken").length, 7);
	const owner = workloads[answers.indexOf("new")]?._id ?? "";
	t.is(await take(owner), "kept");
	const stranger = workloads.find(({ _id }) => _id !== owner)?._id ?? "";
	await releaseMember(db, instanceId, stranger);
	t.is((await members(db).findOne({ _id: instanceId }))?.workload_id, owner);
	await releaseMember(db, instanceId, owner);
	t.is(await take(stranger), "new");
});

test("a membership that a crash left is taken over after the grace, not before", async (t) => {
	const { db, clock } = await setUp();
	const [instanceId, crashed, next] = [randomUUID(), randomUUID(), randomUUID()];
	const take = (workloadId: string) => takeMember(db, { instanceId, workloadId, projectId: project, now: clock.now() });
	t.is(await take(crashed), "new");
	clock.advance(orphanGraceMs - 1);
	t.is(await take(next), "taken");
	clock.advance(1);
	t.is(await take(next), "new");
});

test("pages hold every row once, newest first, while rows come and go", async (t) => {
	const { db, clock } = await setUp();
	const all: string[] = [];
	for (let i = 0; i < 23; i++) {
		const snapshot = sampleSnapshot(clock.now(), { name: String(i) });
		await insertSnapshot(db, snapshot);
		all.push(snapshot._id);
		// Several of one millisecond: `_id` decides among them.
		if (i % 4 === 3) clock.advance(1);
	}
	await insertSnapshot(db, sampleSnapshot(clock.now(), { project_id: "c".repeat(32) }));
	const seen: string[] = [];
	let marker: string | undefined;
	for (let page = 0; page < 20; page++) {
		const rows = await listSnapshots(db, { project_id: project }, { limit: 5, marker });
		seen.push(...rows.map((row) => row._id));
		if (page === 1) {
			clock.advance(1);
			await insertSnapshot(db, sampleSnapshot(clock.now()));
		}
		if (rows.length < 5) break;
		marker = rows.at(-1)?._id;
	}
	t.is(seen.length, 23);
	t.deepEqual([...seen].sort(), [...all].sort());
	const whole = await listSnapshots(db, { project_id: project }, { limit: 500 });
	t.deepEqual(
		whole.slice(1).map((row) => row._id),
		seen,
	);
});

test("a page knows its time range, and a marker of another list is refused", async (t) => {
	const { db, clock } = await setUp();
	const rows: ReturnType<typeof sampleSnapshot>[] = [];
	for (let i = 0; i < 6; i++) {
		const snapshot = sampleSnapshot(clock.now());
		await insertSnapshot(db, snapshot);
		rows.push(snapshot);
		clock.advance(1_000);
	}
	const range = { from: rows[1]?.created_at, to: rows[4]?.created_at };
	const first = await listSnapshots(db, { project_id: project }, { limit: 3, ...range });
	const rest = await listSnapshots(db, { project_id: project }, { limit: 3, marker: first.at(-1)?._id, ...range });
	t.deepEqual(
		[...first, ...rest].map((row) => row._id),
		[4, 3, 2, 1].map((i) => rows[i]?._id ?? ""),
	);
	const foreign = sampleSnapshot(clock.now(), { project_id: "c".repeat(32) });
	await insertSnapshot(db, foreign);
	const wrong = listSnapshots(db, { project_id: project }, { limit: 3, marker: foreign._id });
	await t.throwsAsync(wrong, { instanceOf: UnknownMarker });
});

test("the newest intact snapshot is the base, and usage counts intact ones", async (t) => {
	const { db, clock } = await setUp();
	const workload_id = randomUUID();
	for (const [status, uploaded_size] of [
		["available", 10],
		["restoring", 5],
		["error", 100],
	] as const) {
		await insertSnapshot(db, sampleSnapshot(clock.now(), { workload_id, status, uploaded_size }));
		clock.advance(1_000);
	}
	t.is((await newestIntact(db, workload_id, "default"))?.status, "restoring");
	t.is(await newestIntact(db, workload_id, "elsewhere"), null);
	t.deepEqual(await measureSnapshots(db, [workload_id]), [{ workload_id, snapshot_type: "full", count: 2, usage: 15 }]);
});

test("what clouds put into metadata keys comes back as it was", async (t) => {
	const { db, clock } = await setUp();
	const server = { metadata: { "a.b": "dots", "trait:HW": "required" }, nested: [{ "x.y.z": 1 }] };
	const captured = { version: 1, instances: [{ server }] } as never;
	await saveCapture(db, { _id: randomUUID(), project_id: project, captured, created_at: clock.now() });
	const _id = randomUUID();
	await saveCapture(db, { _id, project_id: project, captured, created_at: clock.now() });
	await saveCapture(db, { _id, project_id: project, captured, created_at: clock.now() });
	t.deepEqual((await readCapture(db, _id))?.captured, captured);
});

test("first heartbeats of one host at the same time make one agent", async (t) => {
	const { db, clock } = await setUp();
	const beat = { _id: "h", instance_id: "i", version: "1", targets: ["default"], slots: 2, running: 0 };
	await Promise.all(Array.from({ length: 8 }, () => recordHeartbeat(db, beat, clock.now())));
	clock.advance(5_000);
	const agent = await recordHeartbeat(db, { ...beat, running: 1 }, clock.now());
	t.like(agent, { running: 1, disabled: false });
	t.is(agent.last_seen_at.getTime() - agent.created_at.getTime(), 5_000);
});
