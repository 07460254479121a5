import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { type PlaceOptions, withPlace, withVault } from "./place.ts";

type Options = PlaceOptions & { dryRun?: boolean };

/** `holdfast vault delete` */
export const vaultDelete = (cli: Cli, parent: Command): void => {
	withPlace(parent.command("delete"))
		.argument("<snapshot...>", "ids")
		.summary("delete snapshots")
		.description("Deletes snapshots at once. `holdfast vault gc` gives their space back.")
		.option("--dry-run", "say what would be deleted, and delete nothing")
		.addHelpText("after", "\nExample:\n  holdfast vault delete --target /mnt/backup --key-file vault.key SNAPSHOT")
		.action((ids: string[], options: Options) =>
			withVault(cli, options, async (vault) => {
				// All are looked up before the first goes: a wrong id deletes nothing.
				const roots = await Promise.all(ids.map((id) => vault.readRoot(id)));
				for (const { snapshotId, workloadId, createdAt } of roots) {
					const what = `${snapshotId} of ${workloadId}, ${createdAt}`;
					if (!options.dryRun) await vault.deleteRoot(snapshotId);
					cli.stdout.write(`${options.dryRun ? "would delete" : "deleted"} ${what}\n`);
				}
			}),
		);
};
