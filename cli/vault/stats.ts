import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import type { Column } from "../output/column.ts";
import { checkOutput, oneText, withOutput } from "../output/print.ts";
import { sizeText } from "../output/size.ts";
import { type PlaceOptions, withPlace, withVault } from "./place.ts";

type Stats = {
	id: string;
	chunkBytes: number;
	snapshots: number;
	sizeBytes: number;
	packs: number;
	storedBytes: number;
	liveBytes: number;
	garbageBytes: number;
	sessions: number;
};

const bytes = (name: string, value: (stats: Stats) => number): Column<Stats> => ({
	name,
	value,
	shown: (stats) => sizeText(value(stats)),
});
const columns: Column<Stats>[] = [
	{ name: "ID", value: ({ id }) => id },
	bytes("Chunk Size", ({ chunkBytes }) => chunkBytes),
	{ name: "Snapshots", value: ({ snapshots }) => snapshots },
	bytes("Disks Size", ({ sizeBytes }) => sizeBytes),
	{ name: "Packs", value: ({ packs }) => packs },
	bytes("Stored", ({ storedBytes }) => storedBytes),
	bytes("Live", ({ liveBytes }) => liveBytes),
	bytes("Garbage", ({ garbageBytes }) => garbageBytes),
	{ name: "Sessions", value: ({ sessions }) => sessions },
];

/** `holdfast vault stats` */
export const vaultStats = (cli: Cli, parent: Command): void => {
	withOutput(withPlace(parent.command("stats")))
		.summary("say what a vault holds and costs")
		.description("Says what a vault holds, what it costs, and what a collection would give back.")
		.addHelpText("after", "\nExample:\n  holdfast vault stats --target /mnt/backup --key-file vault.key")
		.action(async (options: PlaceOptions, command: Command) => {
			checkOutput(command, columns);
			const stats = await withVault(cli, options, async (vault, { target }): Promise<Stats> => {
				let [snapshots, sizeBytes, packs, storedBytes] = [0, 0, 0, 0];
				for await (const { snapshotId } of vault.listRoots()) {
					snapshots++;
					const { instances } = await vault.readRoot(snapshotId);
					for (const { disks } of instances) for (const { manifest } of disks) sizeBytes += manifest.sizeBytes;
				}
				for await (const pack of target.list("packs/")) {
					packs++;
					storedBytes += pack.sizeBytes;
				}
				const plan = await vault.collect({ plan: true });
				const sessions = (await vault.sessions()).length;
				const { id, chunkBytes } = vault;
				const live = { liveBytes: plan.live.bytes, garbageBytes: plan.garbage.bytes };
				return { id, chunkBytes, snapshots, sizeBytes, packs, storedBytes, ...live, sessions };
			});
			cli.stdout.write(oneText(command, columns, stats));
		});
};
