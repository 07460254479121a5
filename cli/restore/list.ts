import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { findId } from "../find.ts";
import { withLimit } from "../limit.ts";
import { checkOutput, listText, withOutput } from "../output/print.ts";
import { listColumns, longColumns, type Restore } from "./view.ts";

type Options = { snapshot?: string; workload?: string; long?: boolean; limit?: number };

/** `holdfast restore list` */
export const restoreList = (cli: Cli, parent: Command): void => {
	withLimit(withOutput(parent.command("list")))
		.summary("list restores")
		.description("Lists the project's restores, newest first.")
		.option("--snapshot <id or name>", "only this snapshot's")
		.option("--workload <id or name>", "only this workload's")
		.option("--long", "with sizes, time, instances and error")
		.addHelpText("after", "\nExample:\n  holdfast restore list --snapshot before-upgrade")
		.action(async (options: Options, command: Command) => {
			const columns = options.long ? longColumns : listColumns;
			checkOutput(command, columns);
			const client = cli.connect(command);
			const { snapshot, workload } = options;
			const query = {
				...(snapshot !== undefined && { snapshot_id: await findId(client, "snapshot", snapshot) }),
				...(workload !== undefined && { workload_id: await findId(client, "workload", workload) }),
			};
			const path = options.long ? "/restores/detail" : "/restores";
			const rows = await client.list<Restore>(path, "restores", { query, limit: options.limit });
			cli.stdout.write(listText(command, columns, rows));
		});
};
