import { isNbdError } from "#nbd/error.ts";
import type { DiskLocator } from "#schemas/locator.ts";
import { resolveChain } from "../disks/chain.ts";
import { type DiskFolders, describeLocator, locateDisk } from "../disks/locate.ts";
import { AgentError } from "../errors.ts";
import type { Children } from "../qemu/children.ts";
import { serveImage } from "../qemu/serve.ts";
import { withinDeadline } from "../within.ts";
import type { DiskSink } from "./sink.ts";

/** Zeroing is mostly bookkeeping; where it is not, this much must be written within one request's deadline. */
const zeroStepBytes = 128 * 1024 * 1024;
const zeroBufferBytes = 1024 * 1024;

/**
 * Opens the disk of a stopped instance for writing. It must have at least `neededBytes` (DISK_TOO_SMALL); what lies
 * beyond is left as it is. A running instance is refused (DISK_IN_USE).
 */
export const openImageSink = async (
	locator: DiskLocator,
	{ folders, children, neededBytes }: { folders: DiskFolders; children: Children; neededBytes: number },
): Promise<DiskSink> => {
	const { path, layers } = await withinDeadline(
		describeLocator(locator),
		locateDisk(locator, folders).then(async (disk) => ({ path: disk.path, layers: await resolveChain(disk) })),
	);
	const served = await serveImage({ layers, writable: true, children });
	const { client } = served;
	if (client.sizeBytes < neededBytes) {
		await served.close();
		throw new AgentError("DISK_TOO_SMALL", { path, has: client.sizeBytes, needs: neededBytes });
	}

	const explain = (cause: unknown): never => {
		if (isNbdError(cause, "IO") && cause.errno === "ENOSPC") throw new AgentError("DISK_FULL", { path }, { cause });
		const reason = served.ended() ?? (cause as Error).message;
		throw new AgentError("DISK_WRITE_FAILED", { path, reason }, { cause });
	};
	let zeroes: Buffer | undefined;
	const zeroStep = async (offset: number, length: number): Promise<void> => {
		if (client.can.writeZeroes) return client.writeZeroes(offset, length);
		zeroes ??= Buffer.alloc(zeroBufferBytes);
		for (let done = 0; done < length; done += zeroes.length) {
			await client.write(offset + done, zeroes.subarray(0, Math.min(zeroes.length, length - done)));
		}
	};
	return {
		sizeBytes: client.sizeBytes,
		description: path,
		write: (offset, data) => client.write(offset, data).catch(explain),
		async zero(offset, length) {
			for (let done = 0; done < length; done += zeroStepBytes) {
				await zeroStep(offset + done, Math.min(zeroStepBytes, length - done)).catch(explain);
			}
		},
		async flush() {
			if (client.can.flush) await client.flush().catch(explain);
		},
		close: () => served.close(),
	};
};
