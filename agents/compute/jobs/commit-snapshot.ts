import type { CommitSnapshot } from "#schemas/job.ts";
import { VaultError } from "#vault/errors.ts";
import type { JobRun } from "./context.ts";

/** Writes the snapshot's root: from then on the snapshot exists, whatever happens to the database. Safe to repeat. */
export const commitSnapshot = async (job: CommitSnapshot, { host }: JobRun): Promise<Record<string, never>> =>
	host.vaults.withExisting(
		job,
		async (vault) => {
			await vault.commitRoot(job.root);
			return {};
		},
		() => {
			throw new VaultError("NOT_FOUND", `Target ${job.target_id} holds no vault of project ${job.project_id}.`);
		},
	);
