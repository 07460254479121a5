import { readFileSync } from "node:fs";
import { Command } from "commander";
import { agentList } from "./agent/list.ts";
import type { Cli } from "./cli.ts";
import { withIdentity } from "./identity.ts";
import { restoreCancel } from "./restore/cancel.ts";
import { restoreCreate } from "./restore/create.ts";
import { restoreDelete } from "./restore/delete.ts";
import { restoreList } from "./restore/list.ts";
import { restoreShow } from "./restore/show.ts";
import { snapshotCancel } from "./snapshot/cancel.ts";
import { snapshotDelete } from "./snapshot/delete.ts";
import { snapshotList } from "./snapshot/list.ts";
import { snapshotShow } from "./snapshot/show.ts";
import { vaultBackup } from "./vault/backup.ts";
import { vaultDelete } from "./vault/delete.ts";
import { vaultExport } from "./vault/export.ts";
import { vaultGc } from "./vault/gc.ts";
import { vaultInit } from "./vault/init.ts";
import { vaultRotateKey } from "./vault/key.ts";
import { vaultRestore } from "./vault/restore.ts";
import { vaultServe } from "./vault/serve.ts";
import { vaultSnapshots } from "./vault/snapshots.ts";
import { vaultStats } from "./vault/stats.ts";
import { vaultVerify } from "./vault/verify.ts";
import { workloadCreate } from "./workload/create.ts";
import { workloadDelete } from "./workload/delete.ts";
import { workloadList } from "./workload/list.ts";
import { workloadShow } from "./workload/show.ts";
import { workloadSnapshot } from "./workload/snapshot.ts";
import { workloadUnlock } from "./workload/unlock.ts";

const objects: Record<string, { summary: string; verbs: ((cli: Cli, parent: Command) => void)[] }> = {
	workload: {
		summary: "instances that are protected together",
		verbs: [workloadCreate, workloadList, workloadShow, workloadSnapshot, workloadUnlock, workloadDelete],
	},
	snapshot: {
		summary: "what a workload was at one moment",
		verbs: [snapshotList, snapshotShow, snapshotCancel, snapshotDelete],
	},
	restore: {
		summary: "snapshots made into instances again",
		verbs: [restoreCreate, restoreList, restoreShow, restoreCancel, restoreDelete],
	},
	agent: { summary: "datamover agents on the compute hosts", verbs: [agentList] },
	vault: {
		summary: "backup targets themselves, without any service",
		verbs: [
			...[vaultInit, vaultBackup, vaultSnapshots, vaultRestore, vaultDelete],
			...[vaultExport, vaultServe, vaultGc, vaultVerify, vaultStats, vaultRotateKey],
		],
	},
};

const epilogue = `
Who you are comes from --os-* options, a cloud in clouds.yaml (--os-cloud), or OS_* variables.

Exit codes: 0 it worked, 1 it failed, 2 the command line is wrong, 3 there is no such object, 130 interrupted.

Examples:
  holdfast workload create web --instance web-1 --instance web-2
  holdfast workload snapshot web --wait
  holdfast restore create SNAPSHOT --wait`;

const version = (): string => {
	const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
	return (JSON.parse(text) as { version: string }).version;
};

/** The whole grammar: `holdfast <object> <verb>`. Throws `CommanderError` instead of ending the process. */
export const createProgram = (cli: Cli): Command => {
	const program = new Command("holdfast")
		.exitOverride()
		.configureOutput({
			writeOut: (text) => cli.stdout.write(text),
			writeErr: (text) => cli.stderr.write(text),
			outputError: (text, write) => write(text.replace(/^error: /, "holdfast: ")),
		})
		.showHelpAfterError("Add --help to see how it is used.")
		.description("Backup and disaster recovery for OpenStack workloads.")
		.version(version(), "--version", "say the version")
		.helpOption("-h, --help", "say how it is used")
		.addHelpText("after", epilogue);
	withIdentity(program);
	for (const [name, { summary, verbs }] of Object.entries(objects)) {
		const parent = program
			.command(name)
			.summary(summary)
			.description(`${summary[0]?.toUpperCase()}${summary.slice(1)}.`);
		for (const verb of verbs) verb(cli, parent);
	}
	return program;
};
