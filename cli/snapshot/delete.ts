import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { forEachNamed } from "../each.ts";

/** `holdfast snapshot delete` */
export const snapshotDelete = (cli: Cli, parent: Command): void => {
	parent
		.command("delete")
		.summary("delete snapshots")
		.description("Deletes snapshots. Later and earlier ones that share data with them stay whole.")
		.argument("<snapshot...>", "ids or names")
		.option("--dry-run", "only say what would be deleted")
		.addHelpText("after", "\nExample:\n  holdfast snapshot delete before-upgrade")
		.action(async (wanted: string[], options: { dryRun?: boolean }, command: Command) => {
			const client = cli.connect(command);
			const act = (id: string) => client.call("DELETE", `/snapshots/${id}`);
			await forEachNamed(cli, client, wanted, {
				kind: "snapshot",
				done: "deleted",
				dryRun: options.dryRun ?? false,
				act,
			});
		});
};
