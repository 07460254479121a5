import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { forEachNamed } from "../each.ts";

/** `holdfast restore delete` */
export const restoreDelete = (cli: Cli, parent: Command): void => {
	parent
		.command("delete")
		.summary("delete records of restores")
		.description("Deletes the records of restores. What they made stays.")
		.argument("<restore...>", "ids or names")
		.option("--dry-run", "only say what would be deleted")
		.addHelpText("after", "\nExample:\n  holdfast restore delete monday")
		.action(async (wanted: string[], options: { dryRun?: boolean }, command: Command) => {
			const client = cli.connect(command);
			const act = (id: string) => client.call("DELETE", `/restores/${id}`);
			await forEachNamed(cli, client, wanted, {
				kind: "restore",
				done: "deleted",
				dryRun: options.dryRun ?? false,
				act,
			});
		});
};
