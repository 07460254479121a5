import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { instanceIds } from "../instance.ts";
import { checkOutput, oneText, withOutput } from "../output/print.ts";
import { showColumns, type Workload } from "./view.ts";

type Options = { instance: string[]; description?: string };

/** `holdfast workload create` */
export const workloadCreate = (cli: Cli, parent: Command): void => {
	withOutput(parent.command("create"))
		.summary("protect instances together")
		.description("Protects instances together: their snapshots are taken as one. An instance belongs to one workload.")
		.argument("<name>", "what to call the workload")
		.requiredOption("--instance <id or name>", "an instance to protect; may be repeated", (one, all: string[] = []) => [
			...all,
			one,
		])
		.option("--description <text>", "what it is for")
		.addHelpText("after", "\nExample:\n  holdfast workload create web --instance web-1 --instance web-2")
		.action(async (name: string, options: Options, command: Command) => {
			checkOutput(command, showColumns);
			const client = cli.connect(command);
			const ids = await instanceIds(client, options.instance);
			const workload = {
				...{ name, source_platform: "openstack", instances: ids.map((id) => ({ "instance-id": id })) },
				...(options.description !== undefined && { description: options.description }),
			};
			const created = await client.post<Workload>("/workloads", "workload", { workload });
			cli.stdout.write(oneText(command, showColumns, created));
		});
};
