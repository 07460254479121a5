import { writeFileSync } from "node:fs";
import test from "ava";
import { runJob } from "#agents/compute/jobs/run.ts";
import { newVaults } from "#agents/compute/vaults.ts";
import type { BackupResult, BackupInstance as Job } from "#schemas/job.ts";
import { startS3 } from "#test/vault/s3-server.ts";
import { backupJob, commitJob, newRun, noise, openLab, project, restoreJob } from "./lab.ts";

const mib = 1024 * 1024;
const place = { target_id: "default", project_id: project };

test("a target on S3 keeps backups, gives them back, and gives the space of deleted ones back", async (t) => {
	const server = await startS3();
	t.teardown(() => server.stop());
	const lab = await openLab(t);
	const { bucket, endpoint, credentials } = server.options;
	const keys = { access_key: credentials?.accessKeyId, secret_key: credentials?.secretAccessKey };
	writeFileSync(lab.at("s3"), JSON.stringify(keys), { mode: 0o600 });
	const s3 = {
		...{ type: "s3" as const, bucket, endpoint, prefix: "holdfast", region: undefined, pathStyle: undefined },
		...{ credentialsFile: lab.at("s3"), keyFile: lab.at("key") },
	};
	const plain = await lab.host();
	const host = { ...plain, vaults: newVaults({ default: s3 }, plain.memory.vaultBytes) };
	const collect = { kind: "collect-vault" as const, ...place };
	t.deepEqual(await runJob(collect, newRun(host)), { state: "done", deleted_packs: 0, deleted_bytes: 0 });

	const id = lab.newInstance({ disk: "raw" });
	const disk = lab.at("instances", id, "disk");
	const taken: { job: Job; result: BackupResult; content: Buffer }[] = [];
	for (const seed of [1, 2]) {
		await lab.rawFile(disk, 3 * mib, [{ offset: mib, data: noise(2 * mib, seed) }]);
		const job = backupJob(id, [{ locator: lab.nova(id) }]);
		const result = (await runJob(job, newRun(host))) as BackupResult;
		await runJob(commitJob(job, result), newRun(host));
		taken.push({ job, result, content: await lab.content(disk, "raw") });
	}
	const [first, second] = taken as [(typeof taken)[0], (typeof taken)[0]];
	await runJob({ kind: "delete-snapshot", ...place, snapshot_id: first.job.snapshot_id }, newRun(host));
	const collected = (await runJob(collect, newRun(host))) as { state: string; deleted_bytes: number };
	t.is(collected.state, "done");
	t.true(collected.deleted_bytes > 2 * mib);

	const backTo = lab.newInstance({ disk: "raw" });
	const restored = await lab.rawFile(lab.at("instances", backTo, "disk"), 3 * mib);
	const manifest = second.result.disks[0]?.manifest as never;
	await runJob(restoreJob(backTo, [{ locator: lab.nova(backTo), manifest }]), newRun(host));
	t.true((await lab.content(restored, "raw")).equals(second.content));
});

test("credentials that others may read are refused, in a sentence without them", async (t) => {
	const lab = await openLab(t);
	writeFileSync(lab.at("s3"), "access_key: a\nsecret_key: hidden\n", { mode: 0o644 });
	const s3 = {
		...{ type: "s3" as const, bucket: "b", endpoint: "http://127.0.0.1:9", prefix: undefined, region: undefined },
		...{ pathStyle: undefined, credentialsFile: lab.at("s3"), keyFile: lab.at("key") },
	};
	const vaults = newVaults({ default: s3 }, 64 * mib);
	const refused = await t.throwsAsync(
		vaults.withVault(place, async () => {}),
		{ code: "CREDENTIALS_FILE" },
	);
	t.regex(refused?.message ?? "", /chmod 600/);
	t.notRegex(refused?.message ?? "", /hidden/);
	writeFileSync(lab.at("s3-short"), "access_key: a\n", { mode: 0o600 });
	const short = newVaults({ default: { ...s3, credentialsFile: lab.at("s3-short") } }, 64 * mib);
	await t.throwsAsync(
		short.withVault(place, async () => {}),
		{ code: "CREDENTIALS_FILE", message: /secret_key/ },
	);
});
