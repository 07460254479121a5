import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { withLimit } from "../limit.ts";
import { checkOutput, listText, withOutput } from "../output/print.ts";
import { listColumns, longColumns, type Workload } from "./view.ts";

type Options = { long?: boolean; allProjects?: boolean; limit?: number };

/** `holdfast workload list` */
export const workloadList = (cli: Cli, parent: Command): void => {
	withLimit(withOutput(parent.command("list")))
		.summary("list workloads")
		.description("Lists the project's workloads, newest first.")
		.option("--long", "with description, instances and what is stored")
		.option("--all-projects", "every project's (administrators only)")
		.addHelpText("after", "\nExample:\n  holdfast workload list -f value -c ID -c Status")
		.action(async (options: Options, command: Command) => {
			const columns = options.long ? longColumns : listColumns;
			checkOutput(command, columns);
			const query = options.allProjects ? { all_workloads: true } : {};
			const path = options.long ? "/workloads/detail" : "/workloads";
			const rows = await cli.connect(command).list<Workload>(path, "workloads", { query, limit: options.limit });
			cli.stdout.write(listText(command, columns, rows));
		});
};
