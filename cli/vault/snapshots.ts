import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import type { Column } from "../output/column.ts";
import { checkOutput, listText, withOutput } from "../output/print.ts";
import { sizeText } from "../output/size.ts";
import { type PlaceOptions, withPlace, withVault } from "./place.ts";

type Row = { id: string; of: string; createdAt: string; instances: number; disks: number; sizeBytes: number };

const columns: Column<Row>[] = [
	{ name: "ID", value: ({ id }) => id },
	{ name: "Of", value: ({ of }) => of },
	{ name: "Created At", value: ({ createdAt }) => createdAt },
	{ name: "Instances", value: ({ instances }) => instances },
	{ name: "Disks", value: ({ disks }) => disks },
	{ name: "Size", value: ({ sizeBytes }) => sizeBytes, shown: ({ sizeBytes }) => sizeText(sizeBytes) },
];

/** `holdfast vault snapshots` */
export const vaultSnapshots = (cli: Cli, parent: Command): void => {
	withOutput(withPlace(parent.command("snapshots")))
		.summary("list what a vault holds")
		.description("Lists the snapshots of a vault, newest first. Needs nothing but the target and the key.")
		.addHelpText("after", "\nExample:\n  holdfast vault snapshots --target /mnt/backup --key-file vault.key -f json")
		.action(async (options: PlaceOptions, command: Command) => {
			checkOutput(command, columns);
			const rows = await withVault(cli, options, async (vault) => {
				const found: Row[] = [];
				for await (const { snapshotId } of vault.listRoots()) {
					const { workloadId, createdAt, instances } = await vault.readRoot(snapshotId);
					const disks = instances.flatMap((instance) => instance.disks);
					const sizeBytes = disks.reduce((sum, { manifest }) => sum + manifest.sizeBytes, 0);
					const counts = { instances: instances.length, disks: disks.length, sizeBytes };
					found.push({ id: snapshotId, of: workloadId, createdAt, ...counts });
				}
				return found.sort((one, other) => (one.createdAt < other.createdAt ? 1 : -1));
			});
			cli.stdout.write(listText(command, columns, rows));
		});
};
