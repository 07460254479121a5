import { randomInt, randomUUID } from "node:crypto";
import test from "ava";
import { listVolumes } from "#openstack/cinder.ts";
import { collect } from "#openstack/collect.ts";
import { listServers } from "#openstack/nova.ts";
import type { RestoreDocument } from "#schemas/restore.ts";
import { jobs, openJobStates } from "#store/jobs.ts";
import { restores } from "#store/restores.ts";
import { runs } from "#store/runs.ts";
import { snapshots } from "#store/snapshots.ts";
import { workloads } from "#store/workloads.ts";
import type { ScriptedAgent } from "./agent.ts";
import { mortal } from "./mortal.ts";
import { openHouse, openStage, type Stage } from "./stage.ts";
import { isAvailable, makeWorkload, takeSnapshot } from "./verbs.ts";

const house = await openHouse();
test.after.always(() => house.close());

/** Small and good enough: mulberry32. */
function dice(seed: number) {
	let state = seed;
	const next = () => {
		state = (state + 0x6d2b79f5) | 0;
		let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
		mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
	};
	const below = (limit: number) => Math.floor(next() * limit);
	return {
		below,
		chance: (share: number) => next() < share,
		pick: <T>(list: readonly T[]) => list[below(list.length)],
	};
}
type Dice = ReturnType<typeof dice>;

const stormSteps = 200;

test("whatever is dropped, repeated, reordered or killed on the way, everything ends in the right state", async (t) => {
	const seed = Number(process.env.HOLDFAST_SEED ?? randomInt(2 ** 31));
	t.log(`seed ${seed}; run it again with HOLDFAST_SEED=${seed}`);
	const roll = dice(seed);
	const stage = await openStage(house);
	const agent = stage.agent();
	const ids = [await house.server({ volumes: [1] }), await house.server(), await house.server()];
	for (const members of [ids.slice(0, 2), ids.slice(2)]) {
		const workloadId = await makeWorkload(stage, members);
		await takeSnapshot(stage, workloadId);
		await stage.settle([agent], isAvailable(stage, `/workloads/${workloadId}`));
	}

	/** By restore. A record goes with its snapshot; what it made stays, as it is the tenant's. */
	const finished = new Map<string, string[]>();
	let kills = 0;
	for (let step = 0; step < stormSteps; step++) {
		for (const restore of await finishedRestores(stage)) finished.set(restore._id, keysOf(restore));
		kills += await weather(stage, agent, roll);
		await noFalsePromise(stage);
	}
	t.log(`${kills} activations killed`);

	// The weather clears: nothing is lost any more, and time goes on.
	agent.fail = () => undefined;
	agent.restart();
	for (let round = 0; round < 120 && (await unfinished(stage)) > 0; round++) {
		for (const runId of stage.nudges.splice(0)) await stage.orchestrate(runId);
		await agent.step();
		house.clock.advance(5_000);
		await stage.orchestrate();
		// The demo cloud builds in real time.
		await new Promise((resolve) => setTimeout(resolve, 20));
	}
	for (let round = 0; round < 4; round++) await agent.step();

	const states = async (collection: { find: (filter: object) => { toArray: () => Promise<{ status: string }[]> } }) =>
		[...new Set((await collection.find({}).toArray()).map(({ status }) => status))].sort();
	t.deepEqual(await states(workloads(stage.db)), ["available"]);
	for (const status of await states(snapshots(stage.db)))
		t.true(["available", "cancelled", "error"].includes(status), status);
	for (const status of await states(restores(stage.db)))
		t.true(["available", "cancelled", "error"].includes(status), status);
	const available = await snapshots(stage.db).find({ status: "available" }).toArray();
	// A deletion that failed for good says so, and can be asked for again; the root may be there until then.
	const undeleted = await snapshots(stage.db)
		.find({ status: "error", error_msg: /^The snapshot could not be deleted/ })
		.toArray();
	const mayStay = new Set(undeleted.map(({ _id }) => _id));
	t.deepEqual(
		[...stage.vault.roots.keys()].filter((id) => !mayStay.has(id)).sort(),
		available.map(({ _id }) => _id).sort(),
		"roots are the available snapshots",
	);
	t.deepEqual([...stage.vault.sessions], [], "no session is left open on the target");
	t.log(`${available.length} snapshots available, ${await restores(stage.db).countDocuments({})} restores`);
	for (const restore of await finishedRestores(stage)) finished.set(restore._id, keysOf(restore));
	t.deepEqual(
		await restoredKeys(),
		[...finished.values()].flat().sort(),
		"exactly what the finished restores planned is there, once",
	);
});

/** One random event. Answers how many activations it killed. */
async function weather(stage: Stage, agent: ScriptedAgent, roll: Dice): Promise<number> {
	switch (roll.below(10)) {
		case 0:
		case 1:
			return tryToUse(stage, roll);
		case 2:
			house.clock.advance(roll.pick([100, 3_000, 30_000, 61_000]) ?? 0);
			return 0;
		case 3:
			return activation(stage, undefined, roll);
		case 4:
			if (roll.chance(0.15)) agent.restart();
			agent.fail = roll.chance(0.3)
				? () => ({ code: "WEATHER", message: "It rained.", retryable: roll.chance(0.8) })
				: () => undefined;
			await agent.step({ lost: roll.chance(0.3) });
			return 0;
		case 5:
			await agent.step();
			return 0;
		default: {
			const at = roll.below(stage.nudges.length || 1);
			const runId = stage.nudges[at];
			if (stage.nudges.length === 0) return 0;
			// Some are delivered twice, some never.
			if (!roll.chance(0.2)) stage.nudges.splice(at, 1);
			if (roll.chance(0.15)) return 0;
			if (!roll.chance(0.25)) return activation(stage, runId, roll);
			const both = await Promise.all([activation(stage, runId, roll), activation(stage, runId, roll)]);
			return both[0] + both[1];
		}
	}
}

/** An activation of the orchestrator, killed at a random call now and then. */
async function activation(stage: Stage, runId: string | undefined, roll: Dice): Promise<number> {
	if (!roll.chance(0.6)) {
		await stage.orchestrate(runId);
		return 0;
	}
	const context = mortal(stage.context(), roll.below(roll.pick([4, 15, 60]) ?? 1), roll.chance(0.5));
	try {
		await stage.orchestrate(runId, context);
		return 0;
	} catch {
		return 1;
	}
}

/** A user does something, and the function that serves it may be killed on the way. Refusals are fine. */
async function tryToUse(stage: Stage, roll: Dice): Promise<number> {
	const workload = roll.pick(await workloads(stage.db).find({}).toArray());
	const snapshot = roll.pick(await snapshots(stage.db).find({}).toArray());
	const restore = roll.pick(await restores(stage.db).find({}).toArray());
	const options = { restore_type: "selective" };
	const many = (await restores(stage.db).countDocuments({})) >= 5;
	const intact = roll.pick(await snapshots(stage.db).find({ status: "available" }).toArray());
	const asked: [string, string, unknown?][] = [
		["POST", `/workloads/${workload?._id}`],
		["POST", `/workloads/${workload?._id}?full=1`],
		["DELETE", `/workloads/${workload?._id}`],
	];
	if (snapshot && roll.chance(0.5)) asked.push(["GET", `/snapshots/${snapshot._id}/cancel`]);
	if (snapshot && roll.chance(0.3)) asked.push(["DELETE", `/snapshots/${snapshot._id}`]);
	const restoring = ["POST", `/snapshots/${intact?._id}`, { restore: { options } }] as [string, string, unknown];
	if (intact && !many) asked.push(restoring, restoring, restoring);
	if (restore && roll.chance(0.3)) asked.push(["GET", `/restores/${restore._id}/cancel`]);
	const [method, path, body] = roll.pick(asked) as [string, string, unknown?];
	// A workload without snapshots would be deleted, and the storm would be over.
	if (
		method === "DELETE" &&
		path.startsWith("/workloads") &&
		(await snapshots(stage.db).countDocuments({ workload_id: workload?._id ?? "" })) === 0
	)
		return 0;
	const dies = roll.chance(0.3);
	const change = dies ? mortal(stage.context(), roll.below(8), roll.chance(0.5)) : {};
	const answer = await stage.ask(method, path, { body, change });
	if (!dies && answer.status >= 500) throw new Error(`${method} ${path} answered ${JSON.stringify(answer.body)}`);
	return answer.status >= 500 ? 1 : 0;
}

/** P1: what is listed as available is on the target, at every moment. */
async function noFalsePromise(stage: Stage): Promise<void> {
	const intact = await snapshots(stage.db)
		.find({ status: { $in: ["available", "restoring"] } })
		.toArray();
	const missing = intact.filter(({ _id }) => !stage.vault.roots.has(_id));
	if (missing.length > 0) throw new Error(`Listed as intact, but not on the target: ${missing.map(({ _id }) => _id)}`);
}

async function unfinished(stage: Stage): Promise<number> {
	const open = { $nin: ["available", "cancelled", "error"] };
	return (
		(await runs(stage.db).countDocuments({ state: "active" })) +
		(await jobs(stage.db).countDocuments({ state: { $in: [...openJobStates] } })) +
		(await workloads(stage.db).countDocuments({ status: { $ne: "available" } })) +
		(await snapshots(stage.db).countDocuments({ status: open as never })) +
		(await restores(stage.db).countDocuments({ status: open as never }))
	);
}

const finishedRestores = (stage: Stage) => restores(stage.db).find({ status: "available" }).toArray();

/** The keys of the servers and volumes that a restore plans. */
function keysOf({ _id, plan }: RestoreDocument): string[] {
	return (plan?.instances ?? []).flatMap(({ original_id, disks }) => [
		`${_id}/${original_id}`,
		...disks.filter(({ new_volume }) => new_volume).map(({ disk_id }) => `${_id}/${original_id}/${disk_id}`),
	]);
}

/** The keys of all servers and volumes in the cloud that restores made. */
async function restoredKeys(): Promise<string[]> {
	const session = house.session("demo");
	const made = [...(await collect(listServers(session))), ...(await collect(listVolumes(session)))];
	return made.flatMap(({ metadata }) => metadata.holdfast_restore ?? []).sort();
}

test("the storm's own killer kills", async (t) => {
	const stage = await openStage(house);
	const context = mortal(stage.context(), 1, true);
	const db = await context.database();
	const id = randomUUID();
	await runs(db).findOne({ _id: id });
	await t.throwsAsync(snapshots(db).insertOne({ _id: id } as never));
	t.truthy(await snapshots(stage.db).findOne({ _id: id }), "the last call had its effect");
	await t.throwsAsync(snapshots(db).find({}).toArray());
});
