import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { openPlace, type PlaceOptions, placeOf, withPlace } from "./place.ts";

type Options = PlaceOptions & { keep?: boolean };

/** `holdfast vault rotate-key` */
export const vaultRotateKey = (cli: Cli, parent: Command): void => {
	withPlace(parent.command("rotate-key"))
		.argument("<file>", "the new key file; made where it is not there")
		.summary("let another key open the vault")
		.description("Lets another key file open the vault, and the present one no more. No data is written again.")
		.option("--keep", "let the present key go on opening it, too")
		.addHelpText("after", "\nExample:\n  holdfast vault rotate-key --target /mnt/backup --key-file old.key new.key")
		.action(async (file: string, options: Options) => {
			const { place, keyFile, name } = placeOf(cli, options);
			const { existsSync } = await import("node:fs");
			const { createKeyFile, keyFromFile } = await import("#vault/keys.ts");
			const { addKey, rotateKey } = await import("#vault/rotate.ts");
			if (!existsSync(file)) await createKeyFile(file);
			const target = await openPlace(place);
			try {
				const [from, to] = [keyFromFile(keyFile), keyFromFile(file)];
				if (options.keep) await addKey({ target, keys: from, added: to });
				else await rotateKey({ target, from, to });
			} finally {
				target.close();
			}
			cli.stderr.write(
				`The vault in ${name} opens with ${file}${options.keep ? " too" : ", and not with the old key"}.\n`,
			);
		});
};
