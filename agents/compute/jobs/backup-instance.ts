import type { BackupInstance, BackupResult } from "#schemas/job.ts";
import { isVaultError } from "#vault/errors.ts";
import type { DiskWriter, Vault, VaultWriter } from "#vault/vault.ts";
import { AgentError } from "../errors.ts";
import { openLiveSources, runsHere } from "../sources/libvirt-backup.ts";
import { openImageSource } from "../sources/qemu-nbd.ts";
import type { DiskSource } from "../sources/source.ts";
import { backupDisk } from "./backup-disk.ts";
import type { DiskCounters, JobRun } from "./context.ts";

type Disk = BackupInstance["disks"][number];
type Opened = { disk: Disk; source: DiskSource };

/**
 * A running instance is read through its own QEMU, a stopped one through its files. Which of the two it is, is asked now:
 * it may have been started or stopped since the job was queued.
 */
const openAll = async (
	{ instance_id, running, disks }: BackupInstance,
	run: JobRun,
	warn: (sentence: string) => void,
): Promise<Opened[]> => {
	const { hypervisor, folders } = run.host;
	if (hypervisor === undefined) {
		if (running) throw new AgentError("INSTANCE_RUNNING", { id: instance_id });
		return openImages(disks, run);
	}
	// Without virsh, a host of stopped instances is as good as any.
	const live = await runsHere(hypervisor, instance_id).catch((error: unknown) => {
		if (running) throw error;
		return false;
	});
	if (!live) return openImages(disks, run);
	const locators = disks.map(({ locator }) => locator);
	const { sources, warnings } = await openLiveSources(instance_id, locators, { folders, hypervisor });
	for (const sentence of warnings) warn(sentence);
	return disks.map((disk, i) => ({ disk, source: sources[i] as DiskSource }));
};

const openImages = async (disks: readonly Disk[], { host, signal }: JobRun): Promise<Opened[]> => {
	const opened: Opened[] = [];
	try {
		for (const disk of disks) {
			signal.throwIfAborted();
			opened.push({ disk, source: await openImageSource(disk.locator, host) });
		}
		return opened;
	} catch (error) {
		await closeAll(opened);
		throw error;
	}
};

const closeAll = async (opened: readonly Opened[]): Promise<void> => {
	await Promise.all(opened.map(({ source }) => source.close()));
};

/** A base only saves work: where it is gone or unreadable, the disk is backed up in full, with a warning. */
const openDisk = async (
	writer: VaultWriter,
	{ disk, source }: Opened,
	warn: (sentence: string) => void,
): Promise<DiskWriter> => {
	const { sizeBytes } = source;
	if (!disk.base) return writer.disk({ sizeBytes });
	try {
		return await writer.disk({ sizeBytes, base: disk.base });
	} catch (error) {
		if (!isVaultError(error, "NOT_FOUND", "DAMAGED")) throw error;
		warn(`Disk ${disk.device} was read in full because the earlier snapshot's cannot be used: ${error.message}`);
		return writer.disk({ sizeBytes });
	}
};

const noCounters: DiskCounters = { read: 0, sent: 0, stored: 0 };

/**
 * Reads all disks of an instance as they were at one instant and writes them to the vault. Every disk is open before the
 * first is read: a stopped instance is so locked against a start, a running one is under a backup job.
 */
export const backupInstance = async (job: BackupInstance, run: JobRun): Promise<BackupResult> => {
	const warnings: string[] = [];
	const opened = await openAll(job, run, (sentence) => warnings.push(sentence));
	// A source that hangs would hold an abort up: its process is ended at once, and the read fails.
	const letGo = (): void => void closeAll(opened);
	run.signal.addEventListener("abort", letGo, { once: true });
	try {
		return await run.host.vaults.withVault(job, (vault) => writeDisks(job, run, vault, opened, warnings));
	} finally {
		run.signal.removeEventListener("abort", letGo);
		await closeAll(opened);
	}
};

const writeDisks = async (
	job: BackupInstance,
	run: JobRun,
	vault: Vault,
	opened: readonly Opened[],
	warnings: string[],
): Promise<BackupResult> => {
	const counters: Record<string, DiskCounters> = {};
	for (const { disk } of opened) counters[disk.disk_id] = { ...(run.earlier.counters[disk.disk_id] ?? noCounters) };
	const totalBytes = opened.reduce((sum, { source }) => sum + source.sizeBytes, 0);
	let doneBytes = 0;
	/** What `stats` showed when the counters of the disk under way were last brought up to date. */
	let seen = { newBytes: 0, storedBytes: 0 };
	let current: DiskCounters = { ...noCounters };

	const update = (): void => {
		const { newBytes, storedBytes } = writer.stats;
		current.sent += newBytes - seen.newBytes;
		current.stored += storedBytes - seen.storedBytes;
		seen = { newBytes, storedBytes };
		const sum = (name: keyof DiskCounters) => Object.values(counters).reduce((total, one) => total + one[name], 0);
		run.report({
			total_bytes: totalBytes,
			done_bytes: doneBytes,
			read_bytes: sum("read"),
			sent_bytes: sum("sent"),
			stored_bytes: sum("stored"),
		});
	};
	const writer = await vault.writer({
		sessionId: job.snapshot_id,
		adoptPacks: run.earlier.packs,
		signal: run.signal,
		async onPackDurable(pack) {
			update();
			await run.keepPack(pack, structuredClone(counters));
		},
	});
	try {
		const results: BackupResult["disks"] = [];
		for (const one of opened) {
			const { disk, source } = one;
			current = counters[disk.disk_id] as DiskCounters;
			const { manifest, allocatedBytes } = await backupDisk({
				source,
				writer: await openDisk(writer, one, (sentence) => warnings.push(sentence)),
				chunkBytes: vault.chunkBytes,
				run,
				onBytes(done, read) {
					doneBytes += done;
					current.read += read;
					update();
				},
			});
			update();
			results.push({
				disk_id: disk.disk_id,
				manifest,
				size_bytes: source.sizeBytes,
				allocated_bytes: allocatedBytes,
				read_bytes: current.read,
				sent_bytes: current.sent,
				stored_bytes: current.stored,
			});
		}
		return { disks: results, warnings };
	} finally {
		await writer.close();
	}
};
