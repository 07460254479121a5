import { existsSync } from "node:fs";
import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { Failure, usage } from "../failure.ts";
import { sizeText } from "../output/size.ts";
import { type PlaceOptions, withPlace, withVault } from "./place.ts";
import { pickDisk, restoreDisk } from "./restore.ts";

type Options = PlaceOptions & { disk?: string; force?: boolean; format: string; compress?: boolean };

const formats: readonly string[] = ["qcow2", "raw"];

/** `holdfast vault export` */
export const vaultExport = (cli: Cli, parent: Command): void => {
	withPlace(parent.command("export"))
		.argument("<snapshot>", "its id")
		.argument("<file>", "image to make")
		.summary("make an image file of a disk")
		.description(
			"Makes a sparse qcow2 or raw image of one disk of a snapshot. Every byte is verified first. The file appears under its name when it is complete (qcow2), or is written in place (raw, like `restore`).",
		)
		.option("--format <format>", `${formats.join(" or ")}`, "qcow2")
		.option("--compress", "compress the qcow2 image (zstd)")
		.option("--disk <id>", "which disk, where the snapshot has several; INSTANCE/DISK where ids repeat")
		.option("--force", "replace a file that is there")
		.addHelpText(
			"after",
			"\nExample:\n  holdfast vault export --target /mnt/backup --key-file vault.key SNAPSHOT disk.qcow2 --compress",
		)
		.action((snapshotId: string, file: string, options: Options) => {
			const { format, compress = false, force = false } = options;
			if (!formats.includes(format)) throw usage(`There is no format "${format}"; there are ${formats.join(", ")}.`);
			if (compress && format === "raw") throw usage("A raw image cannot be compressed: leave out --compress.");
			return withVault(cli, options, async (vault) => {
				const reading = await vault.reading();
				try {
					const { manifest } = pickDisk(await vault.readRoot(snapshotId), options.disk);
					const disk = await vault.disk(manifest);
					if (format === "raw") return await restoreDisk(cli, vault, disk, file, force);
					// Looked at before the work; it is looked at again when the file gets its name.
					if (!force && existsSync(file)) throw new Failure(`${file} is there already; --force replaces it.`);
					const { convertToQcow2 } = await import("./convert.ts");
					const fileBytes = await convertToQcow2(disk, { file, force, compress });
					cli.stderr.write(`${sizeText(fileBytes)} in ${file}, a disk of ${sizeText(disk.sizeBytes)}.\n`);
				} finally {
					await reading.end();
				}
			});
		});
};
