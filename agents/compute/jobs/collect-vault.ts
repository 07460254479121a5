import type { CollectResult, CollectVault } from "#schemas/job.ts";
import type { JobRun } from "./context.ts";

/**
 * Gives back the space of what no snapshot of a vault needs. Where running backups are in the way it says so, and the
 * next job, by any agent, goes on. Safe to repeat and to kill.
 */
export const collectVault = async (job: CollectVault, { host, signal }: JobRun): Promise<CollectResult> =>
	host.vaults.withExisting(
		job,
		async (vault) => {
			const report = await vault.collect({ signal, memoryBudgetBytes: host.memory.vaultBytes });
			host.log("vault-collected", { ...job, state: report.state, deleted: report.deleted, rescued: report.rescued });
			return {
				state: report.state === "waiting" ? "waiting" : "done",
				deleted_packs: report.deleted.packs,
				deleted_bytes: report.deleted.bytes,
			};
		},
		() => ({ state: "done", deleted_packs: 0, deleted_bytes: 0 }),
	);
