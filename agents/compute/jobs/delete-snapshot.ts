import type { DeleteSnapshot } from "#schemas/job.ts";
import type { JobRun } from "./context.ts";

/** Removes a snapshot's root and ends its session, whichever of them there is. Safe to repeat. */
export const deleteSnapshot = async (job: DeleteSnapshot, { host }: JobRun): Promise<Record<string, never>> =>
	host.vaults.withExisting(
		job,
		async (vault) => {
			await vault.deleteRoot(job.snapshot_id);
			await vault.endSession(job.snapshot_id);
			return {};
		},
		// The first backup of the project failed before it made the vault: there is nothing to delete.
		() => ({}),
	);
