import type { JobPayload } from "#schemas/job.ts";
import { backupInstance } from "./backup-instance.ts";
import { collectVault } from "./collect-vault.ts";
import { commitSnapshot } from "./commit-snapshot.ts";
import type { JobRun } from "./context.ts";
import { deleteSnapshot } from "./delete-snapshot.ts";
import { restoreInstance } from "./restore-instance.ts";

/** Does one job and returns its result. Throws `AgentError`, `VaultError`, or the signal's reason when it was aborted. */
export const runJob = (payload: JobPayload, run: JobRun): Promise<unknown> => {
	switch (payload.kind) {
		case "backup-instance":
			return backupInstance(payload, run);
		case "restore-instance":
			return restoreInstance(payload, run);
		case "commit-snapshot":
			return commitSnapshot(payload, run);
		case "collect-vault":
			return collectVault(payload, run);
		case "delete-snapshot":
			return deleteSnapshot(payload, run);
	}
};
