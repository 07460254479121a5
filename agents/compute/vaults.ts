import { mkdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { keyFromFile } from "#vault/keys.ts";
import { createVault, openVault } from "#vault/open.ts";
import { fileTarget } from "#vault/targets/file.ts";
import type { Vault } from "#vault/vault.ts";
import type { TargetConfig } from "./config.ts";
import { AgentError } from "./errors.ts";
import { withinDeadline } from "./within.ts";

export type VaultPlace = { target_id: string; project_id: string };

/** The vaults that jobs of this agent work in; jobs of one project share one, so that they find each other's chunks. */
export type Vaults = {
	/** Runs `work` with the project's vault, which is made first if there is none. */
	withVault<T>(place: VaultPlace, work: (vault: Vault) => Promise<T>): Promise<T>;
	/** The same with a vault that must be there; where none was ever made, `absent` answers. */
	withExisting<T>(place: VaultPlace, work: (vault: Vault) => Promise<T>, absent: () => T): Promise<T>;
};

type Shared = { vault: Promise<Vault>; users: number };

const exists = (path: string): Promise<boolean> =>
	stat(path).then(
		() => true,
		(error) => {
			if (error.code === "ENOENT") return false;
			throw error;
		},
	);

/** A folder whose device is its parent's is no mount point, or its file system is not mounted. */
const checkMounted = async (target: string, { path, mountedOnly }: TargetConfig): Promise<void> => {
	const missing = new AgentError("TARGET_NOT_MOUNTED", { target, path });
	const [here, above] = await Promise.all([stat(path), stat(dirname(path))]).catch(() => {
		throw missing;
	});
	if (!here?.isDirectory() || (mountedOnly && here.dev === above?.dev)) throw missing;
};

/** `memoryBytes` is what each open vault may take. */
export const newVaults = (targets: Record<string, TargetConfig>, memoryBytes: number): Vaults => {
	const shared = new Map<string, Shared>();

	const folderOf = async ({ target_id, project_id }: VaultPlace): Promise<{ folder: string; keyFile: string }> => {
		const target = targets[target_id];
		if (!target) throw new AgentError("TARGET_UNKNOWN", { target: target_id });
		await withinDeadline(target.path, checkMounted(target_id, target));
		return { folder: join(target.path, "vaults", project_id), keyFile: target.keyFile };
	};

	const use = async <T>(folder: string, open: () => Promise<Vault>, work: (vault: Vault) => Promise<T>): Promise<T> => {
		const entry = shared.get(folder) ?? { vault: open(), users: 0 };
		shared.set(folder, entry);
		entry.users++;
		try {
			return await work(await entry.vault);
		} finally {
			entry.users--;
			if (entry.users === 0) {
				shared.delete(folder);
				await entry.vault.then(
					(vault) => vault.close(),
					() => {},
				);
			}
		}
	};

	return {
		async withVault(place, work) {
			const { folder, keyFile } = await folderOf(place);
			const open = async (): Promise<Vault> => {
				await mkdir(dirname(folder), { recursive: true, mode: 0o700 });
				const target = fileTarget(folder, { create: true });
				return createVault({ target, keys: keyFromFile(keyFile), memoryBudgetBytes: memoryBytes });
			};
			return use(folder, open, work);
		},
		async withExisting(place, work, absent) {
			const { folder, keyFile } = await folderOf(place);
			if (!(await withinDeadline(folder, exists(folder)))) return absent();
			const open = () =>
				openVault({ target: fileTarget(folder), keys: keyFromFile(keyFile), memoryBudgetBytes: memoryBytes });
			return use(folder, open, work);
		},
	};
};
