import type { Exports } from "#nbd/server/disk.ts";
import { isVaultError } from "#vault/errors.ts";
import type { SnapshotRoot, Vault } from "#vault/vault.ts";
import { newChunkCache, servedDisk } from "./served-disk.ts";

/** For all clients together. */
const cacheBytes = 32 * 1024 * 1024;

type NamedDisk = { name: string; disk: SnapshotRoot["instances"][0]["disks"][0] };

/** `<snapshot>/<instance>/<disk>` */
export const disksOf = ({ snapshotId, instances }: SnapshotRoot): NamedDisk[] =>
	instances.flatMap(({ instanceId, disks }) =>
		disks.map((disk) => ({ name: `${snapshotId}/${instanceId}/${disk.diskId}`, disk })),
	);

/**
 * Every disk of every snapshot there is when a client asks, or of the one named. Where that is a single disk, the empty
 * name means it too: clients use it where none is given.
 */
export const vaultExports = (vault: Vault, only: string | undefined): Exports => {
	const cache = newChunkCache(Math.ceil(cacheBytes / vault.chunkBytes));
	const rootOf = async (snapshotId: string): Promise<SnapshotRoot | undefined> => {
		try {
			return await vault.readRoot(snapshotId);
		} catch (error) {
			if (isVaultError(error, "NOT_FOUND", "BAD_ARGUMENT")) return undefined;
			throw error;
		}
	};
	const find = async (name: string): Promise<NamedDisk | undefined> => {
		const [snapshotId = ""] = name === "" && only !== undefined ? [only] : name.split("/", 1);
		if (snapshotId === "" || (only !== undefined && snapshotId !== only)) return undefined;
		const root = await rootOf(snapshotId);
		const disks = root === undefined ? [] : disksOf(root);
		return name === "" ? (disks.length === 1 ? disks[0] : undefined) : disks.find((one) => one.name === name);
	};
	return {
		async *names() {
			if (only !== undefined) {
				const root = await rootOf(only);
				if (root !== undefined) for (const { name } of disksOf(root)) yield name;
				return;
			}
			for await (const { snapshotId } of vault.listRoots()) {
				const root = await rootOf(snapshotId);
				if (root !== undefined) for (const { name } of disksOf(root)) yield name;
			}
		},
		async open(name) {
			const found = await find(name);
			if (found === undefined) return undefined;
			return servedDisk(await vault.disk(found.disk.manifest), { cache, key: found.name });
		},
	};
};
