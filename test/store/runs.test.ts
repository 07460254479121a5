import { randomUUID } from "node:crypto";
import test from "ava";
import {
	changeHeldRun,
	endRun,
	HoldLost,
	holdDueRun,
	holdRun,
	pickOverdueRun,
	releaseRun,
	runHoldMs,
} from "#store/hold.ts";
import { jobsOf, queueJob } from "#store/jobs.ts";
import { cancelRun, nudgeRun, readRun, startRun } from "#store/runs.ts";
import { ownedClock } from "./clock.ts";
import { startStore } from "./embedded.ts";
import { project, samplePayload } from "./samples.ts";

const store = await startStore();
test.after.always(() => store.close());

async function setUp() {
	const { db } = await store.database();
	const clock = ownedClock();
	const run = { kind: "snapshot", project_id: project, workload_id: randomUUID(), subject_id: "s", step: "capture" };
	const start = () => startRun(db, { ...run, kind: "snapshot" }, clock.now());
	const id = await start();
	const hold = () => holdRun(db, id, clock.now(), randomUUID);
	const later = (ms: number) => new Date(clock.now().getTime() + ms);
	return { db, clock, id, start, hold, later };
}

test("one of sixteen holds a run", async (t) => {
	const { hold } = await setUp();
	const held = await Promise.all(Array.from({ length: 16 }, hold));
	t.is(held.filter((run) => run !== null).length, 1);
});

test("a hold that its holder lost is worth nothing", async (t) => {
	const { db, clock, hold, later } = await setUp();
	const first = await hold();
	t.truthy(first);
	if (first === null) return;
	clock.advance(runHoldMs);
	const second = await hold();
	t.truthy(second);
	await t.throwsAsync(changeHeldRun(db, first, { step: "x" }, clock.now()), { instanceOf: HoldLost });
	await t.throwsAsync(releaseRun(db, first, {}, later(0), clock.now()), { instanceOf: HoldLost });
	await t.throwsAsync(endRun(db, first, "done", clock.now()), { instanceOf: HoldLost });
	if (second !== null) await endRun(db, second, "done", clock.now());
	t.is((await readRun(db, first._id))?.state, "done");
});

test("a nudge makes a waiting run due", async (t) => {
	const { db, clock, id, hold, later } = await setUp();
	const run = await hold();
	if (run === null) return t.fail();
	t.is(await releaseRun(db, run, {}, later(60_000), clock.now()), null);
	t.is(await hold(), null);
	t.true(await nudgeRun(db, id, clock.now()));
	t.truthy(await hold());
});

test("a nudge during a hold keeps the holder from letting go", async (t) => {
	const { db, clock, id, hold, later } = await setUp();
	const run = await hold();
	if (run === null) return t.fail();
	await nudgeRun(db, id, clock.now());
	t.is(await hold(), null, "the nudge does not take the hold away");
	const again = await releaseRun(db, run, {}, later(60_000), clock.now());
	t.is(again?.nudges, 1);
	if (again) t.is(await releaseRun(db, again, {}, later(60_000), clock.now()), null);
});

test("wake-ups are not lost in a race of nudges and releases", async (t) => {
	const { db, clock, id, hold, later } = await setUp();
	for (let round = 0; round < 40; round++) {
		const run = await hold();
		if (run === null) return t.fail(`round ${round}: nobody could hold the run`);
		const [again] = await Promise.all([
			releaseRun(db, run, {}, later(3_600_000), clock.now()),
			nudgeRun(db, id, clock.now()),
		]);
		// Either the holder saw it, or the run is due.
		if (again !== null) await releaseRun(db, again, {}, later(0), clock.now());
		const due = (await readRun(db, id))?.available_at.getTime() ?? Number.POSITIVE_INFINITY;
		t.true(due <= clock.now().getTime(), `round ${round}`);
	}
});

test("runs that are over take neither nudge nor cancel", async (t) => {
	const { db, clock, id, hold } = await setUp();
	const run = await hold();
	if (run === null) return t.fail();
	await endRun(db, run, "done", clock.now());
	t.false(await nudgeRun(db, id, clock.now()));
	t.false(await cancelRun(db, id, clock.now()));
	t.false((await readRun(db, id))?.cancel_requested);
	t.false(await nudgeRun(db, "unknown", clock.now()));
	t.is(await holdDueRun(db, clock.now(), randomUUID), null);
});

test("starting twice is one run; one that failed starts afresh and without its old jobs", async (t) => {
	const { db, clock, id, start, hold } = await setUp();
	const run = await hold();
	if (run === null) return t.fail();
	await start();
	t.is((await readRun(db, id))?.lease_token, run.lease_token);
	const job = { _id: "j", run_id: id, project_id: project, host: null, payload: samplePayload() };
	await queueJob(db, job, clock.now());
	await changeHeldRun(db, run, { step: "undo", error_msg: "why" }, clock.now());
	await endRun(db, run, "failed", clock.now());
	await start();
	t.like(await readRun(db, id), { state: "active", step: "capture", error_msg: null, attempts: 0 });
	t.deepEqual(await jobsOf(db, id), []);
});

test("an overdue run is picked once in a while, however many look", async (t) => {
	const { db, clock, id } = await setUp();
	t.is(await pickOverdueRun(db, clock.now(), 2_000), null);
	clock.advance(2_000);
	const picked = await Promise.all(Array.from({ length: 8 }, () => pickOverdueRun(db, clock.now(), 2_000)));
	t.deepEqual(
		picked.filter((one) => one !== null),
		[id],
	);
});
