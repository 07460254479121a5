import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { forEachNamed } from "../each.ts";

/** `holdfast snapshot cancel` */
export const snapshotCancel = (cli: Cli, parent: Command): void => {
	parent
		.command("cancel")
		.summary("cancel snapshots under way")
		.description("Cancels snapshots that are being taken. Nothing that was stored before is touched.")
		.argument("<snapshot...>", "ids or names")
		.addHelpText("after", "\nExample:\n  holdfast snapshot cancel before-upgrade")
		.action(async (wanted: string[], _options: unknown, command: Command) => {
			const client = cli.connect(command);
			const act = (id: string) => client.call("GET", `/snapshots/${id}/cancel`);
			await forEachNamed(cli, client, wanted, { kind: "snapshot", done: "cancelled", act });
		});
};
