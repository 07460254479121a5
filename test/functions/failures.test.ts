import { randomUUID } from "node:crypto";
import test from "ava";
import { listVolumes } from "#openstack/cinder.ts";
import { collect } from "#openstack/collect.ts";
import { deleteServer, getServer, listServers } from "#openstack/nova.ts";
import { waitForGone } from "#openstack/wait.ts";
import { insertSnapshot, lockSnapshot } from "#store/snapshots.ts";
import { lockWorkload, moveWorkload } from "#store/workloads.ts";
import { sampleSnapshot } from "#test/store/samples.ts";
import { openHouse, openStage, type Stage } from "./stage.ts";
import { hasEnded, isAvailable, makeWorkload, read, startRestore, takeSnapshot } from "./verbs.ts";

const house = await openHouse();
test.after.always(() => house.close());

const broken = { code: "DISK_SHRUNK", message: "Disk vda became smaller while it was read.", retryable: false };
const passing = { code: "TARGET_BUSY", message: "The target is busy.", retryable: true };

/** A workload of one stopped instance, and one good snapshot of it. */
async function protect(volumes: number[] = []) {
	const stage = await openStage(house);
	const agent = stage.agent();
	const instanceId = await house.server({ volumes });
	const workloadId = await makeWorkload(stage, [instanceId]);
	const free = isAvailable(stage, `/workloads/${workloadId}`);
	const snapshotId = await takeSnapshot(stage, workloadId);
	await stage.settle([agent], free);
	return { stage, agent, instanceId, workloadId, snapshotId, free };
}

/** What is stored of the good snapshot is still there and can be restored. */
const intact = async (stage: Stage, id: string) =>
	(await read(stage, `/snapshots/${id}`)).status === "available" && stage.vault.roots.has(id);

test.serial("an instance that vanished fails its snapshot at once, before any agent is asked", async (t) => {
	const { stage, workloadId, instanceId, snapshotId } = await protect();
	const session = house.session("demo");
	await deleteServer(session, instanceId);
	await waitForGone(() => getServer(session, instanceId), { what: instanceId, timeoutMs: 20_000, pollMs: 50 });
	const failedId = await takeSnapshot(stage, workloadId);
	for (const runId of stage.nudges.splice(0)) await stage.orchestrate(runId);
	t.like(await read(stage, `/snapshots/${failedId}`), {
		status: "error",
		error_msg: `Unable to find Virtual Machine '${instanceId}' in nova inventory`,
	});
	t.is((await read(stage, `/workloads/${workloadId}`)).status, "available");
	t.true(await intact(stage, snapshotId));
});

test.serial("the clean-up of a failed snapshot is tried until it succeeds, whatever the failures say", async (t) => {
	const { stage, agent, workloadId, free } = await protect();
	let cleanUps = 0;
	agent.fail = ({ kind }) => {
		if (kind === "backup-instance") return broken;
		return kind === "delete-snapshot" && ++cleanUps <= 12 ? broken : undefined;
	};
	const failedId = await takeSnapshot(stage, workloadId);
	await stage.settle([agent], free);
	for (let i = 0; i < 40 && stage.vault.sessions.has(failedId); i++) {
		await agent.step();
		house.clock.advance(3_600_000);
		await stage.orchestrate();
	}
	t.is(cleanUps, 13);
	t.false(stage.vault.sessions.has(failedId));
});

test.serial(
	"a job that fails for good ends its snapshot with the agent's reason, and the target is cleaned",
	async (t) => {
		const { stage, agent, workloadId, snapshotId, free } = await protect();
		agent.fail = ({ kind }) => (kind === "backup-instance" ? broken : undefined);
		const failedId = await takeSnapshot(stage, workloadId);
		await stage.settle([agent], free);
		t.like(await read(stage, `/snapshots/${failedId}`), { status: "error", error_msg: broken.message });
		for (let i = 0; i < 3; i++) await agent.step();
		t.false(stage.vault.sessions.has(failedId));
		t.true(await intact(stage, snapshotId));

		agent.fail = () => undefined;
		const nextId = await takeSnapshot(stage, workloadId);
		await stage.settle([agent], free);
		t.like(await read(stage, `/snapshots/${nextId}`), { status: "available", snapshot_type: "incremental" });
		t.is((await stage.ask("DELETE", `/snapshots/${failedId}`)).status, 202);
		await stage.settle([agent], async () => (await stage.ask("GET", `/snapshots/${failedId}`)).status === 404);
	},
);

test.serial(
	"a job that fails for reasons that pass is tried again, and at last fails with the last reason",
	async (t) => {
		const { stage, agent, workloadId, free } = await protect();
		agent.fail = (_payload, attempt) => (attempt <= 2 ? passing : undefined);
		const patientId = await takeSnapshot(stage, workloadId);
		await stage.settle([agent], free, 200);
		t.is((await read(stage, `/snapshots/${patientId}`)).status, "available");
		agent.fail = () => passing;
		const hopelessId = await takeSnapshot(stage, workloadId);
		await stage.settle([agent], free, 200);
		t.like(await read(stage, `/snapshots/${hopelessId}`), { status: "error", error_msg: passing.message });
	},
);

test.serial("a commit that fails leaves no snapshot that is listed as available", async (t) => {
	const { stage, agent, workloadId, free } = await protect();
	agent.fail = ({ kind }) => (kind === "commit-snapshot" ? broken : undefined);
	const failedId = await takeSnapshot(stage, workloadId);
	await stage.settle([agent], free);
	t.is((await read(stage, `/snapshots/${failedId}`)).status, "error");
	for (let i = 0; i < 3; i++) await agent.step();
	t.false(stage.vault.roots.has(failedId) || stage.vault.sessions.has(failedId));
});

test.serial("without an agent on the host the snapshot waits, then says which host", async (t) => {
	const { stage, workloadId, free } = await protect();
	house.clock.advance(120_000);
	const failedId = await takeSnapshot(stage, workloadId);
	await stage.settle([], async () => (await read(stage, `/snapshots/${failedId}`)).status === "uploading");
	house.clock.advance(9 * 60_000);
	await stage.orchestrate();
	t.is((await read(stage, `/snapshots/${failedId}`)).status, "uploading", "an agent may still come");
	house.clock.advance(61_000);
	await stage.settle([], free);
	const { error_msg } = await read(stage, `/snapshots/${failedId}`);
	t.regex(error_msg, /^No valid host was found\. .*on host compute-1 .* is Up/);
});

test.serial("an agent that was killed and started again does the job once its lease is over", async (t) => {
	const { stage, agent, workloadId, free } = await protect();
	const id = await takeSnapshot(stage, workloadId);
	agent.finish = () => false;
	for (let i = 0; i < 5; i++) {
		for (const runId of stage.nudges.splice(0)) await stage.orchestrate(runId);
		await agent.step();
	}
	t.true((await read(stage, `/snapshots/${id}`)).progress_percent >= 25, "progress is shown");
	t.is(agent.held.length, 1);
	agent.restart();
	agent.finish = () => true;
	t.is((await agent.step()).claimed.length, 0, "the lease of the dead one still runs");
	house.clock.advance(61_000);
	await stage.settle([agent], free);
	t.is((await read(stage, `/snapshots/${id}`)).status, "available");
});

test.serial("answers that get lost do no harm: reports are repeated, the fence decides", async (t) => {
	const { stage, agent, workloadId, free } = await protect();
	const id = await takeSnapshot(stage, workloadId);
	for (let i = 0; i < 40 && !(await free()); i++) {
		for (const runId of stage.nudges.splice(0)) await stage.orchestrate(runId);
		await agent.step({ lost: i % 2 === 0 });
		house.clock.advance(21_000);
		await stage.orchestrate();
	}
	t.is((await read(stage, `/snapshots/${id}`)).status, "available");
});

test.serial("a result that makes no sense ends the job with a sentence, not the agent's sync", async (t) => {
	const { stage, agent, workloadId, free } = await protect();
	const id = await takeSnapshot(stage, workloadId);
	for (const runId of stage.nudges.splice(0)) await stage.orchestrate(runId);
	await agent.step();
	const [job] = agent.held.splice(0);
	const sync = await import("#functions/datamover/handler.ts");
	const body = {
		agent: { instance_id: "i", version: "1", targets: ["default"], slots: 1 },
		jobs: [{ id: job?.id, lease_token: job?.lease_token, state: "done", result: { nonsense: true } }],
		claim: 0,
	};
	const report = () => stage.handle(sync.datamover, "POST", "/v2/agents/compute-1/sync", { as: "agent", body });
	t.is((await report()).body.jobs[0].answer, "ok");
	t.is((await report()).body.jobs[0].answer, "ok", "and again");
	await stage.settle([agent], free);
	t.regex((await read(stage, `/snapshots/${id}`)).error_msg, /must be of one version/);
});

test.serial(
	"a cancel stops the agents and ends cancelled, with the workload free and nothing left behind",
	async (t) => {
		const { stage, agent, workloadId, snapshotId, free } = await protect();
		const id = await takeSnapshot(stage, workloadId);
		agent.finish = ({ kind }) => kind !== "backup-instance";
		for (let i = 0; i < 3; i++) {
			for (const runId of stage.nudges.splice(0)) await stage.orchestrate(runId);
			await agent.step();
		}
		stage.vault.sessions.add(id);
		t.is((await stage.ask("GET", `/snapshots/${id}/cancel`)).status, 200);
		t.is((await read(stage, `/snapshots/${id}`)).status, "cancelling");
		t.is((await stage.ask("GET", `/snapshots/${id}/cancel`)).status, 200, "twice is once");
		await stage.settle([agent], free);
		t.like(await read(stage, `/snapshots/${id}`), { status: "cancelled", error_msg: null });
		for (let i = 0; i < 3; i++) await agent.step();
		t.false(stage.vault.sessions.has(id));
		t.deepEqual(agent.held, []);
		t.true(await intact(stage, snapshotId));
	},
);

test.serial("a restore that fails takes away what it made and leaves the snapshot available", async (t) => {
	const { stage, agent, snapshotId } = await protect([1]);
	agent.fail = ({ kind }) => (kind === "restore-instance" ? broken : undefined);
	const id = await startRestore(stage, snapshotId);
	await stage.settle([agent], hasEnded(stage, `/restores/${id}`));
	const restore = await read(stage, `/restores/${id}`);
	t.like(restore, { status: "error", error_msg: broken.message });
	t.is((await read(stage, `/snapshots/${snapshotId}`)).status, "available");
	t.deepEqual(await leftOf(id), []);
	agent.fail = () => undefined;
	const againId = await startRestore(stage, snapshotId);
	await stage.settle([agent], hasEnded(stage, `/restores/${againId}`));
	t.is((await read(stage, `/restores/${againId}`)).status, "available");
	t.is((await leftOf(againId)).length, 2);
});

test.serial("a cancelled restore takes away what it made", async (t) => {
	const { stage, agent, snapshotId } = await protect([1]);
	agent.finish = ({ kind }) => kind !== "restore-instance";
	const id = await startRestore(stage, snapshotId);
	await stage.settle([agent], async () => agent.held.length > 0);
	t.is((await stage.ask("DELETE", `/restores/${id}`)).status, 409);
	t.is((await stage.ask("GET", `/restores/${id}/cancel`)).status, 200);
	await stage.settle([agent], hasEnded(stage, `/restores/${id}`));
	t.like(await read(stage, `/restores/${id}`), { status: "cancelled", error_msg: null });
	t.deepEqual(await leftOf(id), []);
	t.is((await stage.ask("GET", `/restores/${id}/cancel`)).status, 409);
});

/** Servers and volumes in the project that carry the restore's key. */
async function leftOf(restoreId: string): Promise<string[]> {
	const session = house.session("demo");
	const things = [...(await collect(listServers(session))), ...(await collect(listVolumes(session)))];
	return things.filter(({ metadata }) => metadata.holdfast_restore?.startsWith(`${restoreId}/`)).map(({ id }) => id);
}

test.serial("a deletion that the target refuses says so, and can be asked for again", async (t) => {
	const { stage, agent, snapshotId } = await protect();
	agent.fail = () => broken;
	t.is((await stage.ask("DELETE", `/snapshots/${snapshotId}`)).status, 202);
	t.is((await stage.ask("DELETE", `/snapshots/${snapshotId}`)).status, 202, "twice is once");
	await stage.settle([agent], hasEnded(stage, `/snapshots/${snapshotId}`));
	const { status, error_msg } = await read(stage, `/snapshots/${snapshotId}`);
	t.is(status, "error");
	t.regex(error_msg, /could not be deleted; delete it again/);
	agent.fail = () => undefined;
	t.is((await stage.ask("DELETE", `/snapshots/${snapshotId}`)).status, 202);
	await stage.settle([agent], async () => (await stage.ask("GET", `/snapshots/${snapshotId}`)).status === 404);
	t.is(stage.vault.roots.size, 0);
});

test.serial(
	"what a crash between two steps of a request left is cleared up, after the grace and not before",
	async (t) => {
		const { stage, agent, workloadId, snapshotId, free } = await protect();
		const now = house.clock.now();
		// Locked, and nothing else.
		await lockWorkload(stage.db, workloadId, "snapshot:never-made", now);
		// A snapshot, and no run.
		const project_id = house.cloud.projectId("demo");
		const orphan = sampleSnapshot(now, { project_id, workload_id: workloadId });
		await insertSnapshot(stage.db, orphan);
		// Held for a restore that was never made.
		await lockSnapshot(stage.db, snapshotId, "restore:never-made", now);
		// To be deleted, by a run that was never made.
		const doomed = sampleSnapshot(now, { project_id, workload_id: workloadId, status: "deleting" });
		await insertSnapshot(stage.db, doomed);
		const emptyId = await makeWorkload(stage, [await house.server()]);
		await moveWorkload(stage.db, emptyId, { from: ["available"], to: "deleting", now });

		await stage.orchestrate();
		t.false(await free());
		t.is((await read(stage, `/snapshots/${orphan._id}`)).status, "creating");
		house.clock.advance(61_000);
		await stage.orchestrate();
		t.true(await free());
		t.like(await read(stage, `/snapshots/${orphan._id}`), { status: "error" });
		t.is((await read(stage, `/snapshots/${snapshotId}`)).status, "available");
		t.is((await stage.ask("GET", `/workloads/${emptyId}`)).status, 404);
		await stage.settle([agent], async () => (await stage.ask("GET", `/snapshots/${doomed._id}`)).status === 404);
	},
);

test.serial("a restore in the cloud's way ends in an error that names it", async (t) => {
	const { stage, agent, snapshotId, instanceId } = await protect();
	for (const [instance, expected] of [
		[{ flavor: { id: "no-such-flavor" } }, /There is no flavor no-such-flavor/],
		[{ nics: [{ network: { id: randomUUID() } }] }, /The network .* is gone; map it to another one/],
		[{ availability_zone: "moon" }, /refused step servers|zone/i],
	] as const) {
		const id = await startRestore(stage, snapshotId, [{ id: instanceId, ...instance }]);
		await stage.settle([agent], hasEnded(stage, `/restores/${id}`));
		const restore = await read(stage, `/restores/${id}`);
		t.is(restore.status, "error");
		t.regex(restore.error_msg, expected);
		t.is((await read(stage, `/snapshots/${snapshotId}`)).status, "available");
	}
});
