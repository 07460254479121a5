import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { findId } from "../find.ts";
import { checkOutput, oneText, withOutput } from "../output/print.ts";
import { type Snapshot, showColumns } from "../snapshot/view.ts";
import { mustHaveEndedWell, waitUntilEnded } from "../wait.ts";

type Options = { full?: boolean; name?: string; description?: string; wait?: boolean };

/** `holdfast workload snapshot` */
export const workloadSnapshot = (cli: Cli, parent: Command): void => {
	withOutput(parent.command("snapshot"))
		.summary("take a snapshot of a workload")
		.description("Takes a snapshot of all instances of a workload. Only what changed since the last one is stored.")
		.argument("<workload>", "id or name")
		.option("--full", "read and send everything, as if there were no snapshot yet")
		.option("--name <text>", "what to call the snapshot")
		.option("--description <text>", "what it is for")
		.option("--wait", "wait until it has ended; ends with 1 if it did not end well")
		.addHelpText("after", "\nExample:\n  holdfast workload snapshot web --name before-upgrade --wait")
		.action(async (wanted: string, options: Options, command: Command) => {
			checkOutput(command, showColumns);
			const client = cli.connect(command);
			const workloadId = await findId(client, "workload", wanted);
			const { name, description } = options;
			const snapshot = { ...(name !== undefined && { name }), ...(description !== undefined && { description }) };
			const query = { full: options.full ? 1 : 0 };
			const started = await client.post<Snapshot>(`/workloads/${workloadId}`, "snapshot", { snapshot }, query);
			const { id } = started;
			const read = () => client.get<Snapshot>(`/snapshots/${id}`, "snapshot");
			const last = options.wait ? await waitUntilEnded(cli, { kind: "snapshot", id, read }) : started;
			cli.stdout.write(oneText(command, showColumns, last));
			if (options.wait) mustHaveEndedWell("snapshot", last);
		});
};
