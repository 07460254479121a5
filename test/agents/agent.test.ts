import { randomUUID } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import test from "ava";
import { BackupResult, type JobPayload } from "#schemas/job.ts";
import { validate } from "#schemas/validate.ts";
import { openApi } from "./api.ts";
import { backupJob, mib, noise, openLab, restoreJob } from "./lab.ts";
import { qemuProcesses, startAgent } from "./process.ts";

/** A lab with one instance of `sizeMib` MiB of noise, at 16 MiB/s if it must take a while. */
const openScene = async (t: Parameters<typeof openLab>[0], sizeMib: number, options = {}) => {
	const lab = await openLab(t);
	const api = await openApi(t, options);
	const id = lab.newInstance({ disk: "raw" });
	const path = lab.at("instances", id, "disk");
	await lab.rawFile(path, sizeMib * mib, [{ offset: 0, data: noise(sizeMib * mib, sizeMib) }]);
	return { lab, api, id, path, job: () => backupJob(id, [{ locator: lab.nova(id) }]) };
};

test.serial("an agent claims, backs up, restores, and stops when asked", async (t) => {
	const { lab, api, path, job } = await openScene(t, 8);
	const agent = await startAgent(t, lab, api);
	const backup = api.add(job());
	const result = validate(BackupResult, await api.result(backup));
	t.like(backup.last, { progress: { total_bytes: 8 * mib, done_bytes: 8 * mib, read_bytes: 8 * mib } });

	await lab.rawFile(join(lab.shareFolder, "back"), 8 * mib);
	const manifest = result.disks[0]?.manifest ?? { sizeBytes: 0, chunkBytes: 1, page: null };
	await api.result(api.add(restoreJob(randomUUID(), [{ locator: lab.cinder("back"), manifest }])));
	t.true((await lab.content(join(lab.shareFolder, "back"), "raw")).equals(await lab.content(path, "raw")));

	const missing = api.add(backupJob(randomUUID(), [{ locator: lab.nova(randomUUID()) }]));
	await t.throwsAsync(api.result(missing), { message: /DISK_MISSING/ });
	await api.until("a journal without jobs that are over", () => readdirSync(lab.at("state", "jobs")).length === 0);
	t.is(await agent.kill("SIGTERM"), 0, agent.text());
	t.deepEqual(api.problems, []);
	t.is(api.seen.instances.size, 1);
});

test.serial("a job that only a newer agent understands is given back, and costs the others nothing", async (t) => {
	const { lab, api, job } = await openScene(t, 2);
	api.newer = true;
	const strange = api.add({ ...job(), kind: "thin-out-snapshot" } as unknown as JobPayload);
	const halfKnown = api.add({ ...job(), disks: "all" } as unknown as JobPayload);
	const backup = api.add(job());
	const agent = await startAgent(t, lab, api);
	validate(BackupResult, await api.result(backup));
	for (const one of [strange, halfKnown]) {
		await api.until("the refusal", () => one.state === "failed");
		t.like(one.last?.error, { code: "JOB_UNKNOWN", retryable: true });
	}
	t.regex(strange.last?.error?.message ?? "", /payload\/kind .* upgrade the agents/);
	await api.until("a journal without jobs that are over", () => readdirSync(lab.at("state", "jobs")).length === 0);
	t.deepEqual(api.problems, []);
	t.is(await agent.kill("SIGTERM"), 0, agent.text());
});

test.serial("a cancelled job stops, says so, and is forgotten", async (t) => {
	const { lab, api, job } = await openScene(t, 24);
	const agent = await startAgent(t, lab, api, { bandwidth_mib_per_s: 8 });
	const backup = api.add(job());
	await api.until("some progress", () => (backup.last?.progress?.done_bytes ?? 0) > mib);
	backup.cancel = true;
	await api.until("the end", () => backup.state === "cancelled");
	await api.until("a clean journal", () => readdirSync(lab.at("state", "jobs")).length === 0);
	t.deepEqual(qemuProcesses(lab), []);
	await agent.kill("SIGTERM");
});

test.serial("a job that is another's now is dropped, and its packs help when it comes back", async (t) => {
	const { lab, api, job, path } = await openScene(t, 24);
	const agent = await startAgent(t, lab, api, { bandwidth_mib_per_s: 12 });
	const backup = api.add(job());
	await api.until("packs", () => (backup.last?.progress?.stored_bytes ?? 0) > 10 * mib);
	api.takeAway(backup);
	await api.until("the work's end", () => qemuProcesses(lab).length === 0);
	const reports = backup.reports.length;
	t.is(readdirSync(lab.at("state", "jobs")).length, 1, "the packs are remembered");
	api.giveBack(backup);
	const { disks } = validate(BackupResult, await api.result(backup));
	t.true(backup.reports.length > reports);
	t.regex(agent.text(), /job started.*packs=[1-9]/);
	t.is(backup.attempts, 2);
	await lab.rawFile(join(lab.shareFolder, "back"), 24 * mib);
	const manifest = disks[0]?.manifest ?? { sizeBytes: 0, chunkBytes: 1, page: null };
	await api.result(api.add(restoreJob(randomUUID(), [{ locator: lab.cinder("back"), manifest }])));
	t.true((await lab.content(join(lab.shareFolder, "back"), "raw")).equals(await lab.content(path, "raw")));
	await agent.kill("SIGTERM");
});

test.serial("work stops when the API is away for longer than the lease, and goes on when it is back", async (t) => {
	const { lab, api, job } = await openScene(t, 24, { leaseMs: 1000 });
	const agent = await startAgent(t, lab, api, { bandwidth_mib_per_s: 6 });
	const backup = api.add(job());
	await api.until("some progress", () => (backup.last?.progress?.done_bytes ?? 0) > mib);
	t.is(qemuProcesses(lab).length, 1);
	api.mode = "error";
	await api.until("the work's end", () => qemuProcesses(lab).length === 0);
	t.regex(agent.text(), /lease ran out/);
	api.mode = "away";
	await sleep(300);
	// Nobody else took it: the same token is good again.
	api.mode = "well";
	await api.result(backup);
	t.is(backup.attempts, 1);
	t.deepEqual(api.problems, []);
	const done = backup.reports.map(({ progress }) => progress?.done_bytes ?? 0);
	t.deepEqual(
		done.filter((bytes, at) => bytes < (done[at - 1] ?? 0)),
		[],
		"progress never goes back",
	);
	await agent.kill("SIGTERM");
});

test.serial("an outage shorter than the lease costs nothing; a revoked token is replaced", async (t) => {
	const { lab, api, job } = await openScene(t, 16, { leaseMs: 20_000 });
	const agent = await startAgent(t, lab, api, { bandwidth_mib_per_s: 8 });
	const backup = api.add(job());
	await api.until("some progress", () => (backup.last?.progress?.done_bytes ?? 0) > mib);
	api.mode = "away";
	await sleep(600);
	api.mode = "well";
	api.tokens.clear();
	await api.result(backup);
	t.is(backup.attempts, 1);
	t.is(api.seen.unauthorized, 1);
	t.is(api.seen.logins, 2);
	t.notRegex(agent.text(), /lease ran out/);
	await agent.kill("SIGTERM");
});

test.serial("two agents never share a state folder", async (t) => {
	const { lab, api } = await openScene(t, 1);
	const first = await startAgent(t, lab, api);
	await t.throwsAsync(startAgent(t, lab, api), { message: /in use by another agent/ });
	t.is(await first.kill("SIGTERM"), 0);
	const again = await startAgent(t, lab, api);
	t.is(await again.kill("SIGTERM"), 0);
});

test.serial("an agent that is stopped in the middle goes on with its job after the start", async (t) => {
	const { lab, api, job } = await openScene(t, 16, { leaseMs: 20_000 });
	const agent = await startAgent(t, lab, api, { bandwidth_mib_per_s: 8 });
	const backup = api.add(job());
	await api.until("some progress", () => (backup.last?.progress?.done_bytes ?? 0) > 2 * mib);
	t.is(await agent.kill("SIGTERM"), 0, agent.text());
	t.deepEqual(qemuProcesses(lab), []);
	t.false(existsSync(lab.at("state", "socket-folder")));
	await startAgent(t, lab, api);
	await api.result(backup);
	t.is(backup.attempts, 1, "the same lease");
});
