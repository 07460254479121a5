import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import test from "ava";
import { BackupResult } from "#schemas/job.ts";
import { validate } from "#schemas/validate.ts";
import { openApi } from "./api.ts";
import { backupJob, mib, newRandom, newSeed, noise, openLab, restoreJob, run } from "./lab.ts";
import { qemuProcesses, startAgent } from "./process.ts";

const rounds = 3;
const overlayMib = 40;

test.serial("SIGKILL at any moment: the job ends well, packs are used again, nothing is left running", async (t) => {
	t.timeout(170_000);
	const seed = newSeed();
	t.log(`seed ${seed}`);
	const random = newRandom(seed);
	const lab = await openLab(t);
	const api = await openApi(t, { leaseMs: 60_000, nextSyncMs: 50 });
	const base = await lab.rawFile(lab.at("instances", "_base", "base"), 20 * mib, [
		{ offset: 0, data: noise(16 * mib, seed) },
	]);
	const id = lab.newInstance({ disk: "qcow2" });
	const disk = lab.at("instances", id, "disk");
	await run("qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", disk, `${overlayMib}M`);
	const patch = await lab.rawFile(lab.at("patch"), 12 * mib, [{ offset: 0, data: noise(12 * mib, seed + 1) }]);
	await run("qemu-io", "-f", "qcow2", "-c", `write -q -s ${patch} 14M 12M`, disk);
	const truth = await lab.content(disk, "qcow2");
	const dataBytes = 26 * mib;

	let kills = 0;
	let adopted = 0;
	for (let round = 0; round < rounds; round++) {
		// A project and so a vault of its own: nothing is known from the round before.
		const project_id = `project${round}`;
		const backup = api.add({ ...backupJob(id, [{ locator: lab.nova(id) }]), project_id });
		for (let life = 0; life < 2; life++) {
			const agent = await startAgent(t, lab, api, { bandwidth_mib_per_s: 24 });
			// One moment is chosen by time, one by progress, so that both the start and the transfer are hit.
			if (random.next() < 0.3) await sleep(random.below(400));
			else {
				const bytes = random.below(dataBytes);
				await api.until("progress or the end", () => {
					const stored = backup.last?.progress?.done_bytes ?? 0;
					return stored >= bytes || backup.state === "done";
				});
			}
			await agent.kill("SIGKILL");
			kills++;
		}
		await sleep(50);
		t.deepEqual(qemuProcesses(lab), [], "no orphan");
		const journal = readdirSync(lab.at("state", "jobs")).map((name) =>
			readFileSync(lab.at("state", "jobs", name), "utf8"),
		);
		const packs = journal.join("").match(/"pack":/g)?.length ?? 0;
		const agent = await startAgent(t, lab, api);
		const result = validate(BackupResult, await api.result(backup));
		if (packs > 0 && backup.reports.at(-1)?.state === "done") {
			const counts = [...agent.text().matchAll(/job started.*packs=(\d+)/g)].map(([, count]) => Number(count));
			adopted += Math.max(0, ...counts);
		}
		t.is(backup.attempts, 1, "the lease of the killed agent went on");
		const { sent_bytes = 0, stored_bytes = 0 } = result.disks[0] ?? {};
		t.log(`round ${round}: ${packs} pack(s) journalled, ${sent_bytes} bytes sent, ${stored_bytes} stored`);

		const name = `back-${randomUUID()}`;
		await lab.rawFile(join(lab.shareFolder, name), overlayMib * mib);
		const manifest = result.disks[0]?.manifest ?? { sizeBytes: 0, chunkBytes: 1, page: null };
		const restore = restoreJob(randomUUID(), [{ locator: lab.cinder(name), manifest }]);
		await api.result(api.add({ ...restore, project_id }));
		await agent.kill("SIGTERM");
		t.true((await lab.content(join(lab.shareFolder, name), "raw")).equals(truth), "identical");
	}
	t.log(`${kills} kills, ${adopted} pack(s) adopted`);
	t.deepEqual(api.problems, []);
	t.deepEqual(readdirSync(lab.at("state", "children")), []);
	t.deepEqual(readdirSync(lab.at("state", "jobs")), []);
});

test.serial("a restore that was killed in the middle ends identical", async (t) => {
	const seed = newSeed();
	t.log(`seed ${seed}`);
	const lab = await openLab(t);
	const api = await openApi(t, { leaseMs: 60_000, nextSyncMs: 50 });
	const id = lab.newInstance({ disk: "raw" });
	const path = await lab.rawFile(lab.at("instances", id, "disk"), 16 * mib, [
		{ offset: mib, data: noise(14 * mib, seed) },
	]);
	const first = await startAgent(t, lab, api);
	const { disks } = validate(BackupResult, await api.result(api.add(backupJob(id, [{ locator: lab.nova(id) }]))));
	await first.kill("SIGTERM");
	const target = lab.newInstance({ disk: "qcow2" });
	const disk = lab.at("instances", target, "disk");
	await run("qemu-img", "create", "-q", "-f", "qcow2", disk, "16M");
	const manifest = disks[0]?.manifest ?? { sizeBytes: 0, chunkBytes: 1, page: null };
	const restore = api.add(restoreJob(target, [{ locator: lab.nova(target), manifest }]));
	const agent = await startAgent(t, lab, api, { bandwidth_mib_per_s: 10 });
	const moment = newRandom(seed).below(12 * mib);
	await api.until("progress", () => (restore.last?.progress?.done_bytes ?? 0) > moment);
	await agent.kill("SIGKILL");
	await startAgent(t, lab, api);
	await api.result(restore);
	t.true((await lab.content(disk, "qcow2")).equals(await lab.content(path, "raw")));
});
