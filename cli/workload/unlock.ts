import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { forEachNamed } from "../each.ts";

/** `holdfast workload unlock` */
export const workloadUnlock = (cli: Cli, parent: Command): void => {
	parent
		.command("unlock")
		.summary("make locked workloads available again")
		.description(
			"Makes locked workloads available again. A lock is given back by itself when a snapshot ends; this is for one that is stuck.",
		)
		.argument("<workload...>", "ids or names")
		.addHelpText("after", "\nExample:\n  holdfast workload unlock web")
		.action(async (wanted: string[], _options: unknown, command: Command) => {
			const client = cli.connect(command);
			const act = (id: string) => client.call("POST", `/workloads/${id}/unlock`);
			await forEachNamed(cli, client, wanted, { kind: "workload", done: "unlocked", act });
		});
};
