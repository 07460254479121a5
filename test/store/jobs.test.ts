import { randomUUID } from "node:crypto";
import test from "ava";
import { claimJob, failExhaustedJobs } from "#store/claim.ts";
import { cancelJobs, endJob, extendLease, maxJobAttempts, queueJob, readJob, retryJob } from "#store/jobs.ts";
import { ownedClock } from "./clock.ts";
import { startStore } from "./embedded.ts";
import { project, samplePayload } from "./samples.ts";

const store = await startStore();
test.after.always(() => store.close());

const leaseMs = 60_000;

async function setUp() {
	const { db } = await store.database();
	const clock = ownedClock();
	type More = { priority?: number; target?: string; max_attempts?: null };
	const queue = (id: string, host: string | null = "h1", { target, ...more }: More = {}) => {
		const job = { _id: id, run_id: "run", project_id: project, host, payload: samplePayload(target) };
		return queueJob(db, { ...job, ...more }, clock.now());
	};
	const claim = (host: string | null = "h1", targets = ["default"]) =>
		claimJob(db, { host, owner: "agent", targets, leaseMs, now: clock.now(), newId: randomUUID });
	return { db, clock, queue, claim };
}

test("of sixteen claimers each gets another job, and none gets one twice", async (t) => {
	const { queue, claim } = await setUp();
	for (let i = 0; i < 40; i++) await queue(`job-${i}`);
	const claimer = async () => {
		const ids: string[] = [];
		for (let job = await claim(); job !== null; job = await claim()) ids.push(job._id);
		return ids;
	};
	const ids = (await Promise.all(Array.from({ length: 16 }, claimer))).flat();
	t.is(ids.length, 40);
	t.is(new Set(ids).size, 40);
});

test("queueing the same job twice is one job, also after it has ended", async (t) => {
	const { db, clock, queue, claim } = await setUp();
	t.true(await queue("job"));
	t.false(await queue("job"));
	const job = await claim();
	t.true(await endJob(db, { id: "job", token: job?.lease_token ?? "", now: clock.now() }, "done", { result: {} }));
	t.false(await queue("job"));
	t.is((await readJob(db, "job"))?.state, "done");
});

test("an agent gets jobs of its host and its targets only, the urgent ones first", async (t) => {
	const { queue, claim } = await setUp();
	await queue("elsewhere", "h2");
	await queue("other-target", "h1", { target: "tape" });
	await queue("plain");
	await queue("urgent", "h1", { priority: 5 });
	await queue("anyone", null);
	t.is((await claim())?._id, "urgent");
	t.is((await claim())?._id, "plain");
	t.is(await claim(), null);
	t.is((await claim(null))?._id, "anyone");
	t.is((await claim("h1", ["tape"]))?._id, "other-target");
});

test("a lease runs out exactly at its end, and the late holder's words count no more", async (t) => {
	const { db, clock, queue, claim } = await setUp();
	await queue("job");
	const first = await claim();
	clock.advance(leaseMs - 1);
	t.is(await claim(), null);
	clock.advance(1);
	const second = await claim();
	t.is(second?._id, "job");
	t.is(second?.attempts, 2);
	const late = { id: "job", token: first?.lease_token ?? "", now: clock.now() };
	t.false(await extendLease(db, late, leaseMs, undefined));
	t.false(await endJob(db, late, "done", { result: {} }));
	t.false(await retryJob(db, late, null, clock.now()));
	t.is((await readJob(db, "job"))?.lease_token, second?.lease_token);
});

test("a lease that is extended in time stays", async (t) => {
	const { db, clock, queue, claim } = await setUp();
	await queue("job");
	const job = await claim();
	for (let i = 0; i < 5; i++) {
		clock.advance(leaseMs - 1);
		t.true(await extendLease(db, { id: "job", token: job?.lease_token ?? "", now: clock.now() }, leaseMs, undefined));
		t.is(await claim(), null);
	}
});

test("a job that is given back is not claimed before its time", async (t) => {
	const { db, clock, queue, claim } = await setUp();
	await queue("job");
	const job = await claim();
	const after = new Date(clock.now().getTime() + 5_000);
	const error = { code: "X", message: "later", retryable: true };
	t.true(await retryJob(db, { id: "job", token: job?.lease_token ?? "", now: clock.now() }, error, after));
	t.is(await claim(), null);
	clock.advance(5_000);
	t.is((await claim())?.attempts, 2);
});

test("a job whose attempts are used up fails with a sentence, by a claim or by reconcile", async (t) => {
	for (const way of ["claim", "reconcile"] as const) {
		const { db, clock, queue, claim } = await setUp();
		await queue("job");
		for (let i = 0; i < maxJobAttempts; i++) {
			t.is((await claim())?.attempts, i + 1);
			clock.advance(leaseMs);
		}
		if (way === "claim") t.is(await claim(), null);
		else t.deepEqual(await failExhaustedJobs(db, clock.now(), 10), ["run"]);
		const job = await readJob(db, "job");
		t.is(job?.state, "failed");
		t.regex(job?.error?.message ?? "", /tried 5 times and no agent finished it/);
	}
});

test("a job without a limit is claimed again however often its agents vanish", async (t) => {
	const { db, clock, queue, claim } = await setUp();
	await queue("job", "h1", { max_attempts: null });
	for (let i = 0; i < 3 * maxJobAttempts; i++) {
		t.is((await claim())?.attempts, i + 1);
		clock.advance(leaseMs);
		t.deepEqual(await failExhaustedJobs(db, clock.now(), 10), []);
	}
});

test("reconcile leaves leases that run, and attempts that are left, alone", async (t) => {
	const { db, clock, queue, claim } = await setUp();
	await queue("job");
	await claim();
	t.deepEqual(await failExhaustedJobs(db, clock.now(), 10), []);
	clock.advance(leaseMs);
	t.deepEqual(await failExhaustedJobs(db, clock.now(), 10), []);
	t.is((await claim())?.attempts, 2);
});

test("a cancel ends what nobody holds, asks holders, and lets nobody claim", async (t) => {
	const { db, clock, queue, claim } = await setUp();
	await queue("waiting");
	await queue("held", "h2");
	await queue("abandoned", "h3");
	const held = await claim("h2");
	await claim("h3");
	clock.advance(leaseMs - 1);
	t.true(await extendLease(db, { id: "held", token: held?.lease_token ?? "", now: clock.now() }, leaseMs, undefined));
	clock.advance(1);
	await cancelJobs(db, "run", clock.now());
	t.is((await readJob(db, "waiting"))?.state, "cancelled");
	t.is((await readJob(db, "abandoned"))?.state, "cancelled");
	t.like(await readJob(db, "held"), { state: "leased", cancel_requested: true });
	clock.advance(2 * leaseMs);
	t.is(await claim("h2"), null);
	await cancelJobs(db, "run", clock.now());
	t.is((await readJob(db, "held"))?.state, "cancelled");
});
