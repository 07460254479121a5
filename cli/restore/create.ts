import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { findId } from "../find.ts";
import { checkOutput, listText, oneText, withOutput } from "../output/print.ts";
import { textOf } from "../output/text.ts";
import { mustHaveEndedWell, waitUntilEnded } from "../wait.ts";
import { type Asked, restoreOptions } from "./options.ts";
import { planColumns, thingsOf } from "./plan.ts";
import { type Restore, showColumns } from "./view.ts";

type Options = Asked & { name?: string; description?: string; dryRun?: boolean; wait?: boolean };

const collect = (one: string, all: string[] = []): string[] => [...all, one];

const examples = `
Examples:
  holdfast restore create before-upgrade --dry-run
  holdfast restore create before-upgrade --instance web-1:web-1-old --network prod:lab --wait
  holdfast restore create before-upgrade --filename restore.yaml`;

/** `holdfast restore create` */
export const restoreCreate = (cli: Cli, parent: Command): void => {
	withOutput(parent.command("create"))
		.summary("restore a snapshot as new instances")
		.description(
			"Restores a snapshot as new instances. Without options all its instances, on their old networks. What is there is never overwritten.",
		)
		.argument("<snapshot>", "id or name")
		.option("--name <text>", "what to call the restore")
		.option("--description <text>", "what it is for")
		.option("--instance <id[:new-name]>", "only this instance, under this name; may be repeated", collect)
		.option("--network <old:new>", "use another network than the captured one; may be repeated", collect)
		.option("--filename <file>", "restore options (T4O's) in JSON or YAML")
		.option("--oneclick", "everything as it was, with the same addresses; the old instances must be gone")
		.option("--dry-run", "only say what would be created")
		.option("--wait", "wait until it has ended; ends with 1 if it did not end well")
		.addHelpText("after", examples)
		.action(async (wanted: string, options: Options, command: Command) => {
			if (options.dryRun) checkOutput(command, planColumns);
			else checkOutput(command, showColumns);
			const client = cli.connect(command);
			const snapshotId = await findId(client, "snapshot", wanted);
			const { name, description } = options;
			const restore = {
				...(name !== undefined && { name }),
				...(description !== undefined && { description }),
				options: await restoreOptions(client, snapshotId, options),
			};
			const query = options.dryRun ? { dry_run: true } : {};
			const started = await client.post<Restore>(`/snapshots/${snapshotId}`, "restore", { restore }, query);
			if (options.dryRun) {
				const { instances = [], notes = [] } = started.plan ?? {};
				cli.stdout.write(listText(command, planColumns, thingsOf(instances)));
				for (const note of notes) cli.stderr.write(`${textOf(note)}\n`);
				return;
			}
			const { id } = started;
			const read = () => client.get<Restore>(`/restores/${id}`, "restore");
			const last = options.wait ? await waitUntilEnded(cli, { kind: "restore", id, read }) : started;
			cli.stdout.write(oneText(command, showColumns, last));
			if (options.wait) mustHaveEndedWell("restore", last);
		});
};
