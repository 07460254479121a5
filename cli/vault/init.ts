import { existsSync } from "node:fs";
import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { usage } from "../failure.ts";
import { openPlace, type PlaceOptions, placeOf, withPlace } from "./place.ts";

type Options = PlaceOptions & { chunkSize: string; level: string; encrypt: boolean };

/** `holdfast vault init` */
export const vaultInit = (cli: Cli, parent: Command): void => {
	withPlace(parent.command("init"))
		.summary("make a vault, and its key file if there is none")
		.description("Makes a vault. Safe to repeat: an existing one stays as it is.")
		.option("--chunk-size <KiB>", "64, 128, 256, 512 or 1024; smaller finds more that is equal", "256")
		.option("--level <number>", "of zstd, 1 to 19", "1")
		.option("--no-encrypt", "leave the content readable by whoever can read the target")
		.addHelpText("after", "\nExample:\n  holdfast vault init --target /mnt/backup --key-file /root/vault.key")
		.action(async (options: Options) => {
			const { place, keyFile, name } = placeOf(cli, options);
			const [chunkKib, compressionLevel] = [Number(options.chunkSize), Number(options.level)];
			if (!Number.isInteger(chunkKib)) throw usage(`--chunk-size ${options.chunkSize} is no whole number.`);
			const { createVault } = await import("#vault/open.ts");
			const { createKeyFile, keyFromFile } = await import("#vault/keys.ts");
			const fresh = !existsSync(keyFile);
			if (fresh) await createKeyFile(keyFile);
			const target = await openPlace(place.type === "file" ? { ...place, create: true } : place);
			try {
				const settings = { chunkBytes: chunkKib * 1024, compressionLevel, encrypt: options.encrypt };
				const vault = await createVault({ target, keys: keyFromFile(keyFile), ...settings });
				cli.stdout.write(`vault ${vault.id} in ${name}\n`);
				await vault.close();
			} finally {
				target.close();
			}
			if (fresh) {
				cli.stderr.write(`The key is in ${keyFile}. Keep a copy of it elsewhere: without it nothing can be read.\n`);
			}
		});
};
