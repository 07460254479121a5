import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { findId } from "../find.ts";
import { checkOutput, oneText, withOutput } from "../output/print.ts";
import { type Snapshot, showColumns } from "./view.ts";

/** `holdfast snapshot show` */
export const snapshotShow = (cli: Cli, parent: Command): void => {
	withOutput(parent.command("show"))
		.summary("show a snapshot")
		.description("Shows a snapshot: how far it is, what it took, and why it failed if it did.")
		.argument("<snapshot>", "id or name")
		.addHelpText("after", "\nExample:\n  holdfast snapshot show before-upgrade -c status -c error_msg")
		.action(async (wanted: string, _options: unknown, command: Command) => {
			checkOutput(command, showColumns);
			const client = cli.connect(command);
			const id = await findId(client, "snapshot", wanted);
			cli.stdout.write(oneText(command, showColumns, await client.get<Snapshot>(`/snapshots/${id}`, "snapshot")));
		});
};
