import { allocation } from "#nbd/extents.ts";
import type { DiskLocator } from "#schemas/locator.ts";
import { checkUnchanged, resolveChain } from "../disks/chain.ts";
import { type DiskFolders, describeLocator, locateDisk } from "../disks/locate.ts";
import { AgentError } from "../errors.ts";
import type { Children } from "../qemu/children.ts";
import { serveImage } from "../qemu/serve.ts";
import { withinDeadline } from "../within.ts";
import type { DiskSource } from "./source.ts";

/**
 * Opens the image file of a stopped instance's disk read-only. QEMU's image lock is held while it is open, so a
 * running instance is refused (DISK_IN_USE) and cannot be started half-way.
 */
export const openImageSource = async (
	locator: DiskLocator,
	{ folders, children }: { folders: DiskFolders; children: Children },
): Promise<DiskSource> => {
	const { path, layers } = await withinDeadline(
		describeLocator(locator),
		locateDisk(locator, folders).then(async (disk) => ({ path: disk.path, layers: await resolveChain(disk) })),
	);
	const served = await serveImage({ layers, writable: false, children });
	const { client } = served;

	/** A read that failed because the file went away under it should say that. */
	const explain = async (cause: unknown): Promise<never> => {
		await withinDeadline(path, checkUnchanged(layers));
		const reason = served.ended() ?? (cause as Error).message;
		throw new AgentError("DISK_READ_FAILED", { path, reason }, { cause });
	};
	return {
		sizeBytes: client.sizeBytes,
		description: path,
		async *extents() {
			try {
				yield* allocation(client);
			} catch (error) {
				await explain(error);
			}
		},
		read: (offset, target) => client.read(offset, target).catch(explain),
		check: () => withinDeadline(path, checkUnchanged(layers)),
		close: () => served.close(),
	};
};
