import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { forEachNamed } from "../each.ts";

/** `holdfast workload delete` */
export const workloadDelete = (cli: Cli, parent: Command): void => {
	parent
		.command("delete")
		.summary("delete workloads")
		.description("Deletes workloads that have no snapshots. Their instances stay, and may join other workloads.")
		.argument("<workload...>", "ids or names")
		.option("--dry-run", "only say what would be deleted")
		.addHelpText("after", "\nExample:\n  holdfast workload delete web --dry-run")
		.action(async (wanted: string[], options: { dryRun?: boolean }, command: Command) => {
			const client = cli.connect(command);
			const act = (id: string) => client.call("DELETE", `/workloads/${id}`);
			await forEachNamed(cli, client, wanted, {
				kind: "workload",
				done: "deleted",
				dryRun: options.dryRun ?? false,
				act,
			});
		});
};
