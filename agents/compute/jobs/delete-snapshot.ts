import type { DeleteSnapshot } from "#schemas/job.ts";
import type { JobRun } from "./context.ts";

/**
 * Ends a snapshot's session and removes its root, whichever of them there is. The session goes first: that decides
 * against a commit which is late, or finds the root that it made. The other way round such a root would stay for ever.
 * Safe to repeat.
 */
export const deleteSnapshot = async (job: DeleteSnapshot, { host }: JobRun): Promise<Record<string, never>> =>
	host.vaults.withExisting(
		job,
		async (vault) => {
			await vault.endSession(job.snapshot_id);
			await vault.deleteRoot(job.snapshot_id);
			return {};
		},
		// The first backup of the project failed before it made the vault: there is nothing to delete.
		() => ({}),
	);
