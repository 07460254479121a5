import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { forEachNamed } from "../each.ts";

/** `holdfast restore cancel` */
export const restoreCancel = (cli: Cli, parent: Command): void => {
	parent
		.command("cancel")
		.summary("cancel restores under way")
		.description("Cancels restores under way. What they made so far is taken away again.")
		.argument("<restore...>", "ids or names")
		.addHelpText("after", "\nExample:\n  holdfast restore cancel monday")
		.action(async (wanted: string[], _options: unknown, command: Command) => {
			const client = cli.connect(command);
			const act = (id: string) => client.call("GET", `/restores/${id}/cancel`);
			await forEachNamed(cli, client, wanted, { kind: "restore", done: "cancelled", act });
		});
};
