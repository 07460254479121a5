import { type FileHandle, open, rm } from "node:fs/promises";
import type { Command } from "commander";
import type { DiskReader, SnapshotRoot, Vault } from "#vault/vault.ts";
import type { Cli } from "../cli.ts";
import { Failure, usage } from "../failure.ts";
import { sizeText } from "../output/size.ts";
import { createProgress } from "../progress.ts";
import { sizeOf } from "./image.ts";
import { type PlaceOptions, withPlace, withVault } from "./place.ts";

type Options = PlaceOptions & { disk?: string; force?: boolean };

/** Chunks that are fetched and written at the same time. */
const inFlight = 8;

/** `holdfast vault restore` */
export const vaultRestore = (cli: Cli, parent: Command): void => {
	withPlace(parent.command("restore"))
		.argument("<snapshot>", "its id")
		.argument("<file>", "raw image to write, or a block device")
		.summary("write a disk of a snapshot to a file")
		.description("Writes one disk of a snapshot to a sparse raw file or a block device. Every byte is verified first.")
		.option("--disk <id>", "which disk, where the snapshot has several; INSTANCE/DISK where ids repeat")
		.option("--force", "write over a file or device that is there")
		.addHelpText(
			"after",
			"\nExample:\n  holdfast vault restore --target /mnt/backup --key-file vault.key SNAPSHOT disk.raw",
		)
		.action((snapshotId: string, file: string, options: Options) =>
			withVault(cli, options, async (vault) => {
				// Kept from collections until it is written, whatever happens to the snapshot.
				const reading = await vault.reading();
				try {
					const { manifest } = pickDisk(await vault.readRoot(snapshotId), options.disk);
					await restoreDisk(cli, vault, await vault.disk(manifest), file, options.force ?? false);
				} finally {
					await reading.end();
				}
			}),
		);
};

/** Throws a sentence that names the disks there are. */
export const pickDisk = ({ snapshotId, instances }: SnapshotRoot, wanted: string | undefined) => {
	const disks = instances.flatMap(({ instanceId, disks: all }) =>
		all.map((disk) => ({ ...disk, name: `${instanceId}/${disk.diskId}` })),
	);
	const found = wanted === undefined ? disks : disks.filter(({ name, diskId }) => name === wanted || diskId === wanted);
	const [disk] = found;
	if (disk !== undefined && found.length === 1) return disk;
	const names = disks.map(({ name }) => name).join(", ");
	throw usage(`Say which disk of ${snapshotId} with --disk; there are: ${names}.`);
};

/** Writes a disk to a sparse raw file or a block device, several chunks at a time, and makes it durable. */
export const restoreDisk = async (
	cli: Cli,
	vault: Vault,
	disk: DiskReader,
	path: string,
	force: boolean,
): Promise<void> => {
	const handle = await openFor(path, force);
	const progress = createProgress(cli.stderr, () => performance.now());
	let written = 0;
	try {
		const isFile = (await handle.stat()).isFile();
		try {
			// A file starts empty, so holes are zero; a device has to be told.
			if (isFile) await handle.truncate(disk.sizeBytes);
			else await mustHold(handle, path, disk.sizeBytes);
			const chunks = chunksOf(disk, !isFile);
			const work = async (): Promise<void> => {
				for await (const index of { [Symbol.asyncIterator]: () => chunks }) {
					const bytes = await disk.read(index);
					await writeFully(handle, bytes, index * vault.chunkBytes);
					written += bytes.length;
					progress.show(`${sizeText(written)} written`);
				}
			};
			await allEnd(Array.from({ length: inFlight }, work));
			await handle.sync();
		} catch (error) {
			// Half a disk must not be taken for a whole one. What was there before is lost with `--force` either way.
			if (isFile) await rm(path, { force: true });
			throw explained(error, path);
		}
	} finally {
		progress.end();
		await handle.close();
	}
	cli.stderr.write(`${sizeText(written)} written to ${path}, a disk of ${sizeText(disk.sizeBytes)}.\n`);
};

/** Nobody may still write when the file is closed: all are waited for, then the first error is thrown. */
const allEnd = async (work: Promise<void>[]): Promise<void> => {
	const failed = (await Promise.allSettled(work)).find((one) => one.status === "rejected");
	if (failed !== undefined) throw failed.reason;
};

const mustHold = async (handle: FileHandle, path: string, sizeBytes: number): Promise<void> => {
	const has = await sizeOf(handle, path);
	if (has >= sizeBytes) return;
	throw new Failure(`${path} has ${has} bytes and the disk ${sizeBytes}: give a larger one. Nothing was written.`);
};

/** A system error (a full file system, mostly) as a sentence; others as they are. */
const explained = (error: unknown, path: string): unknown => {
	const isSystem = error instanceof Error && "syscall" in error;
	return isSystem ? new Failure(`${path} could not be written: ${error.message}.`, undefined, { cause: error }) : error;
};

const openFor = async (path: string, force: boolean): Promise<FileHandle> => {
	try {
		return await open(path, force ? "w" : "wx", 0o600);
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "EEXIST") {
			throw new Failure(`${path} is there already; --force writes over it.`);
		}
		throw new Failure(`${path} cannot be written: ${(error as Error).message}.`, undefined, { cause: error });
	}
};

/** Numbers of the chunks to write. One iterator, from which several workers take. */
async function* chunksOf(disk: DiskReader, zeroToo: boolean): AsyncGenerator<number> {
	for await (const { index, count, zero } of disk.extents()) {
		if (zero && !zeroToo) continue;
		for (let i = 0; i < count; i++) yield index + i;
	}
}

const writeFully = async (handle: FileHandle, bytes: Uint8Array, offset: number): Promise<void> => {
	for (let done = 0; done < bytes.length; ) {
		done += (await handle.write(bytes, done, bytes.length - done, offset + done)).bytesWritten;
	}
};
