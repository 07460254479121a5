import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { findId } from "../find.ts";
import { checkOutput, oneText, withOutput } from "../output/print.ts";
import { type Restore, showColumns } from "./view.ts";

/** `holdfast restore show` */
export const restoreShow = (cli: Cli, parent: Command): void => {
	withOutput(parent.command("show"))
		.summary("show a restore")
		.description("Shows a restore: how far it is, the instances it made, and why it failed if it did.")
		.argument("<restore>", "id or name")
		.addHelpText("after", "\nExample:\n  holdfast restore show monday -f value -c status")
		.action(async (wanted: string, _options: unknown, command: Command) => {
			checkOutput(command, showColumns);
			const client = cli.connect(command);
			const id = await findId(client, "restore", wanted);
			cli.stdout.write(oneText(command, showColumns, await client.get<Restore>(`/restores/${id}`, "restore")));
		});
};
