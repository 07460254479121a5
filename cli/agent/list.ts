import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import type { Column } from "../output/column.ts";
import { checkOutput, listText, withOutput } from "../output/print.ts";

type Agent = {
	host: string;
	status: string;
	version: string;
	slots: number;
	running: number;
	targets: string[];
	disabled: boolean;
	last_seen_at: string;
};

const columns: readonly Column<Agent>[] = [
	{ name: "Host", value: ({ host }) => host },
	{ name: "Status", value: ({ status }) => status },
	{ name: "Enabled", value: ({ disabled }) => !disabled },
	{ name: "Running", value: ({ running }) => running, shown: ({ running, slots }) => `${running} of ${slots}` },
	{ name: "Targets", value: ({ targets }) => targets, shown: ({ targets }) => targets.join(", ") },
	{ name: "Version", value: ({ version }) => version },
	{ name: "Last Seen At", value: ({ last_seen_at }) => last_seen_at },
];

/** `holdfast agent list` */
export const agentList = (cli: Cli, parent: Command): void => {
	withOutput(parent.command("list"))
		.summary("list datamover agents")
		.description("Lists the datamover agents, one a compute host (role admin or service).")
		.addHelpText("after", "\nExample:\n  holdfast agent list -c Host -c Status")
		.action(async (_options: unknown, command: Command) => {
			checkOutput(command, columns);
			const agents = await cli.connect(command).listOfDatamover<Agent>("/agents", "agents");
			cli.stdout.write(listText(command, columns, agents));
		});
};
