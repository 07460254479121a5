import type { RunKind } from "#schemas/run.ts";
import { collectVaultRun } from "./collect-vault.ts";
import { deleteSnapshotRun } from "./delete-snapshot.ts";
import { restoreRun } from "./restore.ts";
import { snapshotRun } from "./snapshot.ts";
import type { RunTable } from "./step.ts";

export const tables: Readonly<Record<RunKind, RunTable>> = {
	snapshot: snapshotRun,
	restore: restoreRun,
	"delete-snapshot": deleteSnapshotRun,
	"collect-vault": collectVaultRun,
};
