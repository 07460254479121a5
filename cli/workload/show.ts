import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { findId } from "../find.ts";
import { checkOutput, oneText, withOutput } from "../output/print.ts";
import { showColumns, type Workload } from "./view.ts";

/** `holdfast workload show` */
export const workloadShow = (cli: Cli, parent: Command): void => {
	withOutput(parent.command("show"))
		.summary("show a workload")
		.description("Shows a workload with its instances.")
		.argument("<workload>", "id or name")
		.addHelpText("after", "\nExample:\n  holdfast workload show web -f json")
		.action(async (wanted: string, _options: unknown, command: Command) => {
			checkOutput(command, showColumns);
			const client = cli.connect(command);
			const id = await findId(client, "workload", wanted);
			const workload = await client.get<Workload>(`/workloads/${id}`, "workload");
			cli.stdout.write(oneText(command, showColumns, workload));
		});
};
