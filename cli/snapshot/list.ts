import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { findId } from "../find.ts";
import { withLimit } from "../limit.ts";
import { checkOutput, listText, withOutput } from "../output/print.ts";
import { listColumns, longColumns, type Snapshot } from "./view.ts";

type Options = { workload?: string; long?: boolean; limit?: number };

/** `holdfast snapshot list` */
export const snapshotList = (cli: Cli, parent: Command): void => {
	withLimit(withOutput(parent.command("list")))
		.summary("list snapshots")
		.description("Lists the project's snapshots, newest first.")
		.option("--workload <id or name>", "only this workload's")
		.option("--long", "with sizes, time and error")
		.addHelpText("after", "\nExample:\n  holdfast snapshot list --workload web --limit 5")
		.action(async (options: Options, command: Command) => {
			const columns = options.long ? longColumns : listColumns;
			checkOutput(command, columns);
			const client = cli.connect(command);
			const query =
				options.workload === undefined ? {} : { workload_id: await findId(client, "workload", options.workload) };
			const path = options.long ? "/snapshots/detail" : "/snapshots";
			const rows = await client.list<Snapshot>(path, "snapshots", { query, limit: options.limit });
			cli.stdout.write(listText(command, columns, rows));
		});
};
