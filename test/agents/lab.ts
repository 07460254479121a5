import { execFile } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { ExecutionContext } from "ava";
import { divideMemory } from "#agents/compute/budget.ts";
import type { DiskCounters, Host, JobRun } from "#agents/compute/jobs/context.ts";
import { openChildren } from "#agents/compute/qemu/children.ts";
import { newThrottle } from "#agents/compute/throttle.ts";
import { newVaults } from "#agents/compute/vaults.ts";
import type { BackupInstance, JobProgress, RestoreInstance } from "#schemas/job.ts";
import type { DiskLocator } from "#schemas/locator.ts";
import { createKeyFile } from "#vault/keys.ts";

export const kib = 1024;
export const mib = 1024 * kib;
const commandTimeoutMs = 60_000;

export const run = async (command: string, ...args: string[]): Promise<string> =>
	(await promisify(execFile)(command, args, { timeout: commandTimeoutMs })).stdout;

/** Numbers that a seed repeats (mulberry32). */
export const newRandom = (seed: number) => {
	let state = seed >>> 0;
	const next = (): number => {
		state = (state + 0x6d2b79f5) >>> 0;
		let mixed = Math.imul(state ^ (state >>> 15), state | 1);
		mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
	};
	return { next, below: (limit: number) => Math.floor(next() * limit) };
};

export const newSeed = (): number => Math.floor(Math.random() * 2 ** 32);

/** Bytes that do not compress, different for each seed. */
export const noise = (bytes: number, seed: number): Buffer => {
	const block = createHash("shake256", { outputLength: bytes }).update(String(seed)).digest();
	return block;
};

export type Lab = Awaited<ReturnType<typeof openLab>>;

/** A compute host's folders with real image files, and a vault target, all of it gone when the test ends. */
export const openLab = async (t: Pick<ExecutionContext, "teardown">) => {
	const folder = mkdtempSync(join(tmpdir(), "holdfast-test-"));
	t.teardown(() => {
		// An agent that the test killed last has nobody to clean up after it.
		const left = join(folder, "state", "socket-folder");
		if (existsSync(left)) rmSync(readFileSync(left, "utf8"), { recursive: true, force: true });
		rmSync(folder, { recursive: true, force: true });
	});
	const at = (...names: string[]) => join(folder, ...names);
	for (const name of ["instances/_base", "mnt", "target", "state"]) mkdirSync(at(name), { recursive: true });
	await createKeyFile(at("key"));
	const share = "server:/volumes";
	const shareFolder = at("mnt", createHash("md5").update(share).digest("hex"));
	mkdirSync(shareFolder);
	const lab = {
		folder,
		at,
		share,
		shareFolder,
		folders: { instancesPath: at("instances"), mountPointBase: at("mnt") },
		targets: { default: { type: "file" as const, path: at("target"), keyFile: at("key"), mountedOnly: false } },

		/** An instance's folder with `disk.info`, as Nova leaves it. */
		newInstance(formats: Record<string, string> = {}): string {
			const id = randomUUID();
			mkdirSync(at("instances", id));
			const info = Object.entries(formats).map(([file, format]) => [`/var/lib/nova/instances/${id}/${file}`, format]);
			if (info.length > 0) writeFileSync(at("instances", id, "disk.info"), JSON.stringify(Object.fromEntries(info)));
			return id;
		},
		nova: (server_id: string, file: "disk" | "disk.local" = "disk"): DiskLocator => ({
			kind: "nova",
			server_id,
			file,
		}),
		cinder: (name: string, format: "raw" | "qcow2" = "raw"): DiskLocator => ({
			kind: "cinder-nfs",
			volume_id: randomUUID(),
			export: share,
			name,
			format,
		}),
		/** A raw file of `size` bytes with pieces of data in it; the rest is a hole. */
		async rawFile(path: string, size: number, pieces: { offset: number; data: Buffer }[] = []): Promise<string> {
			const file = await open(path, "w");
			await file.truncate(size);
			for (const { offset, data } of pieces) await file.write(data, 0, data.length, offset);
			await file.close();
			return path;
		},
		/** The virtual content of an image. */
		async content(path: string, format: string): Promise<Buffer> {
			const raw = at(`${randomUUID()}.raw`);
			await run("qemu-img", "convert", "-f", format, "-O", "raw", path, raw);
			const bytes = await readFile(raw);
			rmSync(raw);
			return bytes;
		},

		/** What jobs run with; its processes are ended with the test. */
		async host(options: { mibPerSecond?: number; slots?: number } = {}): Promise<Host & { lines: string[] }> {
			const { children } = await openChildren(at("state"));
			t.teardown(() => children.close());
			const memory = divideMemory(64, options.slots ?? 1);
			const lines: string[] = [];
			return {
				folders: lab.folders,
				children,
				hypervisor: undefined,
				vaults: newVaults(lab.targets, memory.vaultBytes),
				memory,
				throttle: newThrottle(options.mibPerSecond, () => performance.now()),
				log: (message) => lines.push(message),
				lines,
			};
		},
	};
	return lab;
};

export type TestRun = JobRun & { packs: string[]; progress: JobProgress[]; stop: AbortController };

export const newRun = (host: Host, earlier: readonly string[] = []): TestRun => {
	const stop = new AbortController();
	const packs: string[] = [];
	const progress: JobProgress[] = [];
	return {
		host,
		signal: stop.signal,
		stop,
		packs,
		progress,
		earlier: { packs: earlier, counters: {} as Record<string, DiskCounters> },
		keepPack: async (pack) => {
			packs.push(pack);
		},
		report: (one) => progress.push(structuredClone(one)),
	};
};

export const project = "0123456789abcdef0123456789abcdef";
const place = { target_id: "default", project_id: project };

export const backupJob = (
	instance_id: string,
	disks: { locator: DiskLocator; base?: BackupInstance["disks"][number]["base"] }[],
	snapshot_id: string = randomUUID(),
): BackupInstance => ({
	...place,
	kind: "backup-instance",
	snapshot_id,
	instance_id,
	running: false,
	disks: disks.map(({ locator, base = null }, at) => {
		const letter = String.fromCharCode("a".charCodeAt(0) + at);
		return { disk_id: `disk-${at}`, device: `vd${letter}`, locator, base };
	}),
});

export const restoreJob = (
	instance_id: string,
	disks: { locator: DiskLocator; manifest: RestoreInstance["disks"][number]["manifest"] }[],
): RestoreInstance => ({
	...place,
	kind: "restore-instance",
	snapshot_id: randomUUID(),
	instance_id,
	disks: disks.map((disk, at) => ({ disk_id: `disk-${at}`, device: `vd${at}`, ...disk })),
});

export const commitJob = (backup: BackupInstance, result: { disks: { disk_id: string; manifest: unknown }[] }) => ({
	...place,
	kind: "commit-snapshot" as const,
	root: {
		snapshotId: backup.snapshot_id,
		workloadId: randomUUID(),
		createdAt: "2026-01-01T00:00:00.000Z",
		instances: [
			{
				instanceId: backup.instance_id,
				disks: result.disks.map(({ disk_id, manifest }) => ({
					diskId: disk_id,
					device: "vda",
					manifest: manifest as BackupInstance["disks"][number]["base"] & object,
				})),
			},
		],
		captured: { version: 1 },
	},
});
