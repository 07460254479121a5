import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { toJobError } from "#agents/compute/errors.ts";
import type { Host } from "#agents/compute/jobs/context.ts";
import { runJob } from "#agents/compute/jobs/run.ts";
import { chunkSpans } from "#agents/compute/jobs/spans.ts";
import { BackupResult, JobPayload } from "#schemas/job.ts";
import type { DiskLocator } from "#schemas/locator.ts";
import { validate } from "#schemas/validate.ts";
import {
	backupJob,
	commitJob,
	kib,
	type Lab,
	mib,
	newRandom,
	newRun,
	newSeed,
	noise,
	openLab,
	project,
	restoreJob,
	run,
} from "./lab.ts";

const backup = async (host: Host, job: ReturnType<typeof backupJob>, jobRun = newRun(host)) =>
	validate(BackupResult, await runJob(validate(JobPayload, job), jobRun));

const restore = (host: Host, job: ReturnType<typeof restoreJob>) => runJob(validate(JobPayload, job), newRun(host));

const diskOf = ({ disks }: BackupResult, at = 0): BackupResult["disks"][number] => {
	const disk = disks[at];
	if (!disk) throw new Error(`There is no disk ${at} in the result.`);
	return disk;
};

/** Restores a backed-up disk into a fresh raw volume and returns what it then holds. */
const bringBack = async (lab: Lab, host: Host, disk: BackupResult["disks"][number]): Promise<Buffer> => {
	const name = `volume-${randomUUID()}`;
	const path = join(lab.shareFolder, name);
	// Not blank: what is zero in the snapshot must become zero.
	await lab.rawFile(path, disk.size_bytes, [{ offset: 0, data: Buffer.alloc(disk.size_bytes, 0x55) }]);
	await restore(host, restoreJob(randomUUID(), [{ locator: lab.cinder(name), manifest: disk.manifest }]));
	return lab.content(path, "raw");
};

const jobError = async (t: ExecutionContext, work: Promise<unknown>) => {
	const error = toJobError(await t.throwsAsync(work, { any: true }));
	t.log(`${error.code}: ${error.message}`);
	return error;
};

test("spans cover every chunk once, and read each that may hold data", async (t) => {
	const seed = newSeed();
	t.log(`seed ${seed}`);
	const random = newRandom(seed);
	for (let round = 0; round < 200; round++) {
		const chunkBytes = 8;
		const sizeBytes = 1 + random.below(400);
		const truth = new Uint8Array(sizeBytes);
		const extents: { offset: number; length: number; zero: boolean; allocated: boolean }[] = [];
		for (let offset = 0; offset < sizeBytes; ) {
			const length = Math.min(sizeBytes - offset, 1 + random.below(40));
			const zero = random.next() < 0.5;
			if (!zero) truth.fill(1, offset, offset + length);
			extents.push({ offset, length, zero, allocated: !zero });
			offset += length;
		}
		let next = 0;
		let allocated = 0;
		const source = (async function* () {
			yield* extents;
		})();
		const count = (bytes: number) => {
			allocated += bytes;
		};
		for await (const span of chunkSpans(source, { sizeBytes, chunkBytes, maxChunks: 3 }, count)) {
			if (span.index !== next || span.count < 1) t.fail(`span ${span.index} where ${next} should be`);
			next += span.count;
			if (!span.zero && span.count > 3) t.fail("a span is too long to be read");
			const bytes = truth.subarray(span.index * chunkBytes, next * chunkBytes);
			if (span.zero && bytes.some((byte) => byte !== 0)) t.fail("data was taken for zeroes");
		}
		if (next !== Math.ceil(sizeBytes / chunkBytes)) t.fail(`${next} chunks of ${sizeBytes} bytes`);
		if (allocated !== truth.reduce((sum, byte) => sum + byte, 0)) t.fail(`${allocated} bytes allocated`);
	}
	t.pass();
});

test("all shapes of disks come back as they were", async (t) => {
	const seed = newSeed();
	t.log(`seed ${seed}`);
	const lab = await openLab(t);
	const host = await lab.host();
	const id = lab.newInstance({ disk: "qcow2", "disk.local": "raw" });
	const base = await lab.rawFile(lab.at("instances", "_base", "base"), 12 * mib, [
		{ offset: 0, data: noise(2 * mib, seed) },
		{ offset: 9 * mib + 5, data: noise(mib, seed + 1) },
	]);
	const overlay = lab.at("instances", id, "disk");
	await run("qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", overlay, "21M");
	const commands = ["write -q -P 7 1M 300k", "write -q -z 9M 512k", "write -q -P 9 20480k 1M"];
	await run("qemu-io", "-f", "qcow2", ...commands.flatMap((command) => ["-c", command]), overlay);
	// Odd: neither a multiple of a chunk nor of a cluster.
	const odd = await lab.rawFile(lab.at("instances", id, "disk.local"), 5 * mib + 3 * 512, [
		{ offset: 5 * mib, data: noise(3 * 512, seed + 2) },
	]);
	const sparse = await lab.rawFile(join(lab.shareFolder, "volume-sparse"), 70 * mib, [
		{ offset: 53 * mib + 77, data: noise(10 * kib, seed + 3) },
	]);
	const empty = await lab.rawFile(join(lab.shareFolder, "volume-empty"), 10 * mib);
	const tiny = await lab.rawFile(join(lab.shareFolder, "volume-tiny"), 512, [{ offset: 0, data: noise(512, seed) }]);
	const disks: [DiskLocator, string, string][] = [
		[lab.nova(id), overlay, "qcow2"],
		[lab.nova(id, "disk.local"), odd, "raw"],
		[lab.cinder("volume-sparse"), sparse, "raw"],
		[lab.cinder("volume-empty"), empty, "raw"],
		[lab.cinder("volume-tiny"), tiny, "raw"],
	];
	const jobRun = newRun(host);
	const job = backupJob(
		id,
		disks.map(([locator]) => ({ locator })),
	);
	const result = await backup(host, job, jobRun);
	t.deepEqual(result.warnings, []);
	for (const [at, [, path, format]] of disks.entries()) {
		const disk = diskOf(result, at);
		const truth = await lab.content(path, format);
		t.is(disk.size_bytes, truth.length);
		t.true((await bringBack(lab, host, disk)).equals(truth), path);
	}
	const [root, , big, blank] = result.disks;
	t.true((big?.read_bytes ?? 0) <= mib, "holes are not read");
	t.like(blank, { allocated_bytes: 0, read_bytes: 0, sent_bytes: 0, manifest: { page: null } });
	t.true((root?.allocated_bytes ?? 0) >= 3 * mib && (root?.allocated_bytes ?? 0) < 5 * mib, "base and overlay");
	t.true((root?.stored_bytes ?? 0) > 0 && (root?.sent_bytes ?? 0) >= (root?.stored_bytes ?? 0) / 2);

	const total = result.disks.reduce((sum, { size_bytes }) => sum + size_bytes, 0);
	t.like(jobRun.progress.at(-1), { total_bytes: total, done_bytes: total });
	for (const [at, { done_bytes }] of jobRun.progress.entries()) {
		if (done_bytes < (jobRun.progress[at - 1]?.done_bytes ?? 0)) t.fail("progress went back");
	}
	t.deepEqual(readdirSync(host.children.socketFolder), [], "no socket is left");
	t.deepEqual(readdirSync(lab.at("state", "children")), [], "no process is left");
});

test("an incremental sends what is new, forgets what was discarded, and restores into an overlay", async (t) => {
	const lab = await openLab(t);
	const host = await lab.host();
	const id = lab.newInstance({ disk: "qcow2" });
	const base = await lab.rawFile(lab.at("instances", "_base", "base"), 8 * mib, [
		{ offset: 0, data: noise(8 * mib, 5) },
	]);
	const disk = lab.at("instances", id, "disk");
	await run("qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", disk, "16M");
	const before = await lab.content(disk, "qcow2");
	const locator = lab.nova(id);
	const firstJob = backupJob(id, [{ locator }]);
	const first = await backup(host, firstJob);
	await runJob(validate(JobPayload, commitJob(firstJob, first)), newRun(host));
	const full = diskOf(first);

	await run("qemu-io", "-f", "qcow2", "-c", "write -q -P 3 6M 4k", "-c", "write -q -z 2M 1M", disk);
	const after = await lab.content(disk, "qcow2");
	const second = await backup(host, backupJob(id, [{ locator, base: full.manifest }]));
	const incremental = diskOf(second);
	t.deepEqual(second.warnings, []);
	t.is(incremental.sent_bytes, 256 * kib, "one chunk is new");
	t.true(incremental.read_bytes < full.read_bytes);
	t.true((await bringBack(lab, host, full)).equals(before));
	t.true((await bringBack(lab, host, incremental)).equals(after));

	const restored = lab.newInstance({ disk: "qcow2" });
	const path = lab.at("instances", restored, "disk");
	await run("qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", path, "18M");
	await run("qemu-io", "-f", "qcow2", "-c", "write -q -P 1 16M 2M", path);
	const target = {
		locator: lab.nova(restored),
		manifest: incremental.manifest,
	};
	await restore(host, restoreJob(restored, [target]));
	const content = await lab.content(path, "qcow2");
	t.true(content.subarray(0, 16 * mib).equals(after));
	t.true(
		content.subarray(16 * mib).every((byte) => byte === 1),
		"what lies beyond is left as it was",
	);
});

test("a base that is gone costs a full read and a warning, not the backup", async (t) => {
	const lab = await openLab(t);
	const host = await lab.host();
	const id = lab.newInstance({ disk: "raw" });
	const path = await lab.rawFile(lab.at("instances", id, "disk"), 3 * mib, [{ offset: mib, data: noise(mib, 8) }]);
	const base = { sizeBytes: 3 * mib, chunkBytes: 256 * kib, page: "ab".repeat(20) };
	const result = await backup(host, backupJob(id, [{ locator: lab.nova(id), base }]));
	const { warnings } = result;
	t.is(warnings.length, 1);
	t.regex(warnings[0] ?? "", /read in full/);
	t.true((await bringBack(lab, host, diskOf(result))).equals(await lab.content(path, "raw")));
});

test("a disk that shrinks or goes away under the read is never backed up", async (t) => {
	const lab = await openLab(t);
	// 16 MiB at 16 MiB/s: long enough to pull the disk away.
	const host = await lab.host({ mibPerSecond: 16 });
	const harm: Record<string, (path: string) => void> = {
		DISK_SHRUNK: (path) => truncateSync(path, mib),
		DISK_VANISHED: (path) => rmSync(path),
		DISK_CHANGED: (path) => writeFileSync(path, "x", { flag: "r+" }),
	};
	for (const [code, hurt] of Object.entries(harm)) {
		const id = lab.newInstance({ disk: "raw" });
		const path = lab.at("instances", id, "disk");
		await lab.rawFile(path, 16 * mib, [{ offset: 0, data: noise(16 * mib, 1) }]);
		const jobRun = newRun(host);
		const report = jobRun.report;
		let hurtOnce = false;
		const watched = {
			...jobRun,
			report: (progress: Parameters<typeof report>[0]) => {
				if (!hurtOnce && progress.done_bytes > 4 * mib) hurt(path);
				hurtOnce ||= progress.done_bytes > 4 * mib;
			},
		};
		const error = await jobError(t, backup(host, backupJob(id, [{ locator: lab.nova(id) }]), watched));
		t.is(error.code, code);
		t.is(error.retryable, code === "DISK_CHANGED");
	}
});

test("one disk that cannot be opened keeps the others from being read or written", async (t) => {
	const lab = await openLab(t);
	const host = await lab.host();
	const id = lab.newInstance({ disk: "raw" });
	const path = await lab.rawFile(lab.at("instances", id, "disk"), mib, [{ offset: 0, data: noise(mib, 2) }]);
	const locator = lab.nova(id);
	const missing = await jobError(t, backup(host, backupJob(id, [{ locator }, { locator: lab.cinder("gone") }])));
	t.like(missing, { code: "DISK_MISSING", retryable: false });
	t.false(existsSync(lab.at("target", "vaults")), "nothing was written");

	const { manifest } = diskOf(await backup(host, backupJob(id, [{ locator }])));
	const other = lab.newInstance({ disk: "raw" });
	const untouched = await lab.rawFile(lab.at("instances", other, "disk"), mib);
	await lab.rawFile(join(lab.shareFolder, "small"), 512 * kib);
	const targets = [
		{ locator: lab.nova(other), manifest },
		{ locator: lab.cinder("small"), manifest },
	];
	const small = await jobError(t, restore(host, restoreJob(other, targets)));
	t.like(small, { code: "DISK_TOO_SMALL", retryable: false });
	t.true((await lab.content(untouched, "raw")).every((byte) => byte === 0));
	t.deepEqual(readdirSync(lab.at("state", "children")), []);
	t.true((await lab.content(path, "raw")).equals(noise(mib, 2)));
});

test("targets: unknown, away, not mounted, damaged, another key's", async (t) => {
	const lab = await openLab(t);
	const host = await lab.host();
	const id = lab.newInstance({ disk: "raw" });
	await lab.rawFile(lab.at("instances", id, "disk"), mib, [{ offset: 0, data: noise(mib, 3) }]);
	const job = backupJob(id, [{ locator: lab.nova(id) }]);
	t.like(await jobError(t, backup(host, { ...job, target_id: "other" })), { code: "TARGET_UNKNOWN" });

	lab.targets.default.mountedOnly = true;
	t.like(await jobError(t, backup(host, job)), { code: "TARGET_NOT_MOUNTED", retryable: true });
	lab.targets.default.mountedOnly = false;
	const { path } = lab.targets.default;
	lab.targets.default.path = lab.at("nowhere");
	t.like(await jobError(t, backup(host, job)), { code: "TARGET_NOT_MOUNTED" });
	t.false(existsSync(lab.at("nowhere")));
	lab.targets.default.path = path;

	const stored = await backup(host, job);
	const packs = readdirSync(join(path, "vaults", project), { recursive: true, withFileTypes: true })
		.filter((entry) => entry.isFile() && entry.parentPath.includes("pack"))
		.map((entry) => join(entry.parentPath, entry.name));
	for (const pack of packs) writeFileSync(pack, noise(4096, 1), { flag: "r+" });
	await lab.rawFile(join(lab.shareFolder, "back"), mib);
	const damaged = restoreJob(id, [
		{
			locator: lab.cinder("back"),
			manifest: diskOf(stored).manifest,
		},
	]);
	t.like(await jobError(t, restore(host, damaged)), { code: "VAULT_DAMAGED", retryable: false });

	writeFileSync(lab.at("key"), "ab".repeat(32), { mode: 0o600 });
	t.like(await jobError(t, backup(host, backupJob(id, [{ locator: lab.nova(id) }]))), { code: "VAULT_WRONG_KEY" });
});

test("deleting is safe to repeat, and where nothing was ever stored", async (t) => {
	const lab = await openLab(t);
	const host = await lab.host();
	const remove = {
		kind: "delete-snapshot" as const,
		target_id: "default",
		project_id: project,
		snapshot_id: randomUUID(),
	};
	t.deepEqual(await runJob(remove, newRun(host)), {});
	const id = lab.newInstance({ disk: "raw" });
	await lab.rawFile(lab.at("instances", id, "disk"), mib, [{ offset: 0, data: noise(mib, 4) }]);
	const job = backupJob(id, [{ locator: lab.nova(id) }]);
	const result = await backup(host, job);
	const commit = commitJob(job, result);
	t.deepEqual(await runJob(commit, newRun(host)), {});
	t.deepEqual(await runJob(commit, newRun(host)), {});
	t.deepEqual(await runJob({ ...remove, snapshot_id: job.snapshot_id }, newRun(host)), {});
	t.deepEqual(await runJob({ ...remove, snapshot_id: job.snapshot_id }, newRun(host)), {});
});

test("a commit that is late, between the steps of a deletion, leaves no snapshot behind", async (t) => {
	const lab = await openLab(t);
	const host = await lab.host();
	const id = lab.newInstance({ disk: "raw" });
	await lab.rawFile(lab.at("instances", id, "disk"), mib, [{ offset: 0, data: noise(mib, 5) }]);
	const job = backupJob(id, [{ locator: lab.nova(id) }]);
	const commit = commitJob(job, await backup(host, job));
	const place = { target_id: "default", project_id: project };
	/** After the first of the deletion's two steps, the agent that had lost the commit's lease does its work. */
	let late: unknown;
	const commitAfter = (step: (id: string) => Promise<void>) => async (snapshotId: string) => {
		await step(snapshotId);
		late ??= await runJob(commit, newRun(host)).catch((error: unknown) => error);
	};
	const racing: Host = {
		...host,
		vaults: {
			...host.vaults,
			withExisting: (where, work, absent) =>
				host.vaults.withExisting(
					where,
					(vault) =>
						work({ ...vault, deleteRoot: commitAfter(vault.deleteRoot), endSession: commitAfter(vault.endSession) }),
					absent,
				),
		},
	};
	await runJob({ kind: "delete-snapshot", ...place, snapshot_id: job.snapshot_id }, newRun(racing));
	t.like(late, { code: "SESSION_ENDED" });
	await host.vaults.withExisting(
		place,
		async (vault) => {
			for await (const { snapshotId } of vault.listRoots()) t.fail(`${snapshotId} is still there`);
		},
		() => t.fail("the vault is gone"),
	);
});

test("an aborted backup stops at once and leaves no process; its packs serve the next attempt", async (t) => {
	const lab = await openLab(t);
	const id = lab.newInstance({ disk: "raw" });
	const path = lab.at("instances", id, "disk");
	await lab.rawFile(path, 64 * mib, [{ offset: 0, data: noise(64 * mib, 6) }]);
	const host = await lab.host();
	const jobRun = newRun(host);
	const job = backupJob(id, [{ locator: lab.nova(id) }]);
	const kept = jobRun.keepPack;
	const stopping = {
		...jobRun,
		keepPack: async (...args: Parameters<typeof kept>) => {
			await kept(...args);
			jobRun.stop.abort("cancel");
		},
	};
	await t.throwsAsync(backup(host, job, stopping), { any: true });
	t.true(jobRun.signal.aborted && jobRun.packs.length > 0);
	t.deepEqual(readdirSync(lab.at("state", "children")), []);

	const result = await backup(host, job, newRun(host, jobRun.packs));
	const sent = diskOf(result).sent_bytes;
	t.log(`${jobRun.packs.length} pack(s) adopted, ${sent} of ${64 * mib} bytes sent again`);
	t.true(sent < 64 * mib);
	t.true((await bringBack(lab, host, diskOf(result))).equals(await lab.content(path, "raw")));
});

/** Mounting needs root. */
const asRoot = process.getuid?.() === 0 ? test : test.skip;

asRoot("a target that is full, then read-only", async (t) => {
	const lab = await openLab(t);
	await run("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", lab.at("target"));
	t.teardown(() => run("umount", "-l", lab.at("target")));
	lab.targets.default.mountedOnly = true;
	const host = await lab.host();
	const id = lab.newInstance({ disk: "raw" });
	await lab.rawFile(lab.at("instances", id, "disk"), 24 * mib, [{ offset: 0, data: noise(24 * mib, 7) }]);
	const job = () => backupJob(id, [{ locator: lab.nova(id) }]);
	t.like(await jobError(t, backup(host, job())), { code: "TARGET_FULL", retryable: false });
	await run("mount", "-o", "remount,ro", lab.at("target"));
	t.like(await jobError(t, backup(host, job())), { code: "TARGET_READ_ONLY", retryable: false });
	await run("mount", "-o", "remount,rw,size=64m", lab.at("target"));
	t.is((await backup(host, job())).disks.length, 1);
});

test("a server process that dies in the middle of a read is an error that may pass", async (t) => {
	const lab = await openLab(t);
	const host = await lab.host({ mibPerSecond: 16 });
	const id = lab.newInstance({ disk: "raw" });
	await lab.rawFile(lab.at("instances", id, "disk"), 16 * mib, [{ offset: 0, data: noise(16 * mib, 1) }]);
	const started: ReturnType<Host["children"]["start"]>[] = [];
	const children = {
		...host.children,
		start: (...args: Parameters<typeof host.children.start>) => {
			const child = host.children.start(...args);
			started.push(child);
			return child;
		},
	};
	const jobRun = newRun({ ...host, children });
	const killing = {
		...jobRun,
		report: (progress: { done_bytes: number }) => void (progress.done_bytes > 2 * mib && started[0]?.kill("SIGKILL")),
	};
	const work = backup(host, backupJob(id, [{ locator: lab.nova(id) }]), killing);
	const error = await jobError(t, work);
	t.like(error, { code: "DISK_READ_FAILED", retryable: true });
	if (started[0]?.exitCode === null && started[0].signalCode === null) await once(started[0], "exit");
	t.deepEqual(readdirSync(lab.at("state", "children")), []);
});
