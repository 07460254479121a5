import type { Command } from "commander";
import type { CollectReport } from "#vault/collect/collect.ts";
import type { Cli } from "../cli.ts";
import { usage } from "../failure.ts";
import type { Column } from "../output/column.ts";
import { checkOutput, oneText, withOutput } from "../output/print.ts";
import { sizeText } from "../output/size.ts";
import { createProgress } from "../progress.ts";
import { type PlaceOptions, withPlace, withVault } from "./place.ts";

type Options = PlaceOptions & { dryRun?: boolean; repackAbove: string; endSession?: string[] };

const bytes = (name: string, value: (report: CollectReport) => number): Column<CollectReport> => ({
	name,
	value,
	shown: (report) => sizeText(value(report)),
});
const columns: Column<CollectReport>[] = [
	{ name: "State", value: ({ state }) => state },
	{ name: "Garbage Packs", value: ({ garbage }) => garbage.packs },
	bytes("Garbage Bytes", ({ garbage }) => garbage.bytes),
	{ name: "Repacked Packs", value: ({ repacked }) => repacked.packs },
	bytes("Copied Bytes", ({ repacked }) => repacked.bytesCopied),
	{ name: "Deleted Packs", value: ({ deleted }) => deleted.packs },
	bytes("Deleted Bytes", ({ deleted }) => deleted.bytes),
	bytes("Live Bytes", ({ live }) => live.bytes),
	{
		name: "Waiting For",
		value: ({ waitingFor }) => waitingFor.map(({ id, purpose, startedAt }) => `${id} (${purpose}, ${startedAt})`),
	},
];

/** `holdfast vault gc` */
export const vaultGc = (cli: Cli, parent: Command): void => {
	withOutput(withPlace(parent.command("gc")))
		.summary("give back the space of deleted snapshots")
		.description(
			"Finds what no snapshot needs and takes it off the target, while backups and restores go on. Where a running backup is in the way, the state is `waiting`: call it again later.",
		)
		.option("--dry-run", "say what would go, and change nothing")
		.option("--repack-above <percent>", "write packs anew whose garbage is more than this; 100 for none", "50")
		.option("--end-session <id>", "first end the session of a backup that is known to be dead; may be repeated", add)
		.addHelpText("after", "\nExample:\n  holdfast vault gc --target /mnt/backup --key-file vault.key --dry-run")
		.action(async (options: Options, command: Command) => {
			checkOutput(command, columns);
			const percent = Number(options.repackAbove);
			if (!(percent >= 0 && percent <= 100)) throw usage(`--repack-above ${options.repackAbove} is no percentage.`);
			const report = await withVault(cli, options, async (vault) => {
				for (const id of options.endSession ?? []) if (!options.dryRun) await vault.endSession(id);
				const progress = createProgress(cli.stderr, () => performance.now());
				const show = ({ step, count }: { step: string; count: number }) => progress.show(`${step}: ${count}`);
				try {
					return await vault.collect({ plan: options.dryRun ?? false, repackAbove: percent / 100, progress: show });
				} finally {
					progress.end();
				}
			});
			cli.stdout.write(oneText(command, columns, report));
		});
};

const add = (one: string, all: string[] = []): string[] => [...all, one];
