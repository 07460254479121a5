import { isVaultError } from "#vault/errors.ts";
import { keyFromFile } from "#vault/keys.ts";
import { createVault, openVault } from "#vault/open.ts";
import type { OpenedTarget } from "#vault/targets/open.ts";
import type { Vault } from "#vault/vault.ts";
import type { TargetConfig } from "./target-config.ts";
import { newTargetPlaces, type ProjectPlace } from "./target-places.ts";

export type VaultPlace = { target_id: string; project_id: string };

/** The vaults that jobs of this agent work in; jobs of one project share one, so that they find each other's chunks. */
export type Vaults = {
	/** Runs `work` with the project's vault, which is made first if there is none. */
	withVault<T>(place: VaultPlace, work: (vault: Vault) => Promise<T>): Promise<T>;
	/** The same with a vault that must be there; where none was ever made, `absent` answers. */
	withExisting<T>(place: VaultPlace, work: (vault: Vault) => Promise<T>, absent: () => T): Promise<T>;
};

type Opened = { vault: Vault; close: () => Promise<void> };
type Shared = { opened: Promise<Opened>; users: number };

/** Errors that say that nothing is there, and no more. */
const isAbsent = (error: unknown): boolean => isVaultError(error, "NOT_FOUND");

/** `memoryBytes` is what each open vault may take. */
export const newVaults = (targets: Record<string, TargetConfig>, memoryBytes: number): Vaults => {
	const shared = new Map<string, Shared>();

	const placeOf = newTargetPlaces(targets);
	const options = (target: OpenedTarget, keyFile: string) => ({
		target,
		keys: keyFromFile(keyFile),
		memoryBudgetBytes: memoryBytes,
	});

	const use = async <T>(id: string, open: () => Promise<Opened>, work: (vault: Vault) => Promise<T>): Promise<T> => {
		const entry = shared.get(id) ?? { opened: open(), users: 0 };
		shared.set(id, entry);
		entry.users++;
		try {
			return await work((await entry.opened).vault);
		} finally {
			entry.users--;
			if (entry.users === 0) {
				shared.delete(id);
				await entry.opened.then(
					({ close }) => close(),
					() => {},
				);
			}
		}
	};

	/** The vault's own connections end with it, however it ends. */
	const openIn = async (place: ProjectPlace, create: boolean): Promise<Opened> => {
		const target = await place.open({ create });
		try {
			const vault = await (create ? createVault : openVault)(options(target, place.keyFile));
			return {
				vault,
				close: async () => {
					await vault.close();
					target.close();
				},
			};
		} catch (error) {
			target.close();
			throw error;
		}
	};

	return {
		async withVault({ target_id, project_id }, work) {
			const place = await placeOf(target_id, project_id);
			return use(place.id, () => openIn(place, true), work);
		},
		async withExisting({ target_id, project_id }, work, absent) {
			const place = await placeOf(target_id, project_id);
			if (!(await place.exists())) return absent();
			let opened = false;
			try {
				return await use(
					place.id,
					() => openIn(place, false),
					(vault) => {
						opened = true;
						return work(vault);
					},
				);
			} catch (error) {
				// A store has no folder that could be missing: there the vault's own absence says so.
				if (!opened && targets[target_id]?.type === "s3" && isAbsent(error)) return absent();
				throw error;
			}
		},
	};
};
