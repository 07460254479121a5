import type { RestoreInstance } from "#schemas/job.ts";
import { VaultError } from "#vault/errors.ts";
import { openImageSink } from "../sinks/qemu-nbd.ts";
import type { DiskSink } from "../sinks/sink.ts";
import type { JobRun } from "./context.ts";
import { restoreDisk } from "./restore-disk.ts";

type Disk = RestoreInstance["disks"][number];
type Opened = { disk: Disk; sink: DiskSink };

/**
 * Writes disks of a snapshot into the disks of a stopped instance. All of them are opened first, so that a disk that
 * is missing, too small or in use is found before anything is overwritten. Safe to repeat: it starts from the front.
 */
export const restoreInstance = async (job: RestoreInstance, run: JobRun): Promise<Record<string, never>> => {
	const opened: Opened[] = [];
	const closeAll = async (): Promise<void> => {
		await Promise.all(opened.map(({ sink }) => sink.close()));
	};
	const letGo = (): void => void closeAll();
	run.signal.addEventListener("abort", letGo, { once: true });
	try {
		for (const disk of job.disks) {
			run.signal.throwIfAborted();
			const neededBytes = disk.manifest.sizeBytes;
			opened.push({ disk, sink: await openImageSink(disk.locator, { ...run.host, neededBytes }) });
		}
		await writeDisks(job, run, opened);
		return {};
	} finally {
		run.signal.removeEventListener("abort", letGo);
		// The instance may be started as soon as this job is done: the processes must have let go of its disks.
		await closeAll();
	}
};

const writeDisks = (job: RestoreInstance, run: JobRun, opened: readonly Opened[]): Promise<void> => {
	const totalBytes = job.disks.reduce((sum, { manifest }) => sum + manifest.sizeBytes, 0);
	let doneBytes = 0;
	let readBytes = 0;
	const onBytes = (done: number, read: number): void => {
		doneBytes += done;
		readBytes += read;
		run.report({
			total_bytes: totalBytes,
			done_bytes: doneBytes,
			read_bytes: readBytes,
			sent_bytes: readBytes,
			stored_bytes: 0,
		});
	};
	return run.host.vaults.withExisting(
		job,
		async (vault) => {
			for (const { disk, sink } of opened) {
				await restoreDisk({ reader: await vault.disk(disk.manifest), sink, run, onBytes });
			}
		},
		() => {
			throw new VaultError("NOT_FOUND", `Target ${job.target_id} holds no vault of project ${job.project_id}.`);
		},
	);
};
