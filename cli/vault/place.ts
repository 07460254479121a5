import type { Command } from "commander";
import type { KeyProvider } from "#vault/keys.ts";
import type { OpenedTarget, TargetPlace } from "#vault/targets/open.ts";
import type { Vault } from "#vault/vault.ts";
import type { Cli, Environment } from "../cli.ts";
import { usage } from "../failure.ts";

export type PlaceOptions = { target?: string; keyFile?: string; s3Endpoint?: string; s3Region?: string };

/** Adds what says where the vault is and what opens it. */
export const withPlace = (command: Command): Command =>
	command
		.option("--target <folder or s3://bucket/prefix>", "where the vault is; else HOLDFAST_TARGET")
		.option("--key-file <file>", "64 hexadecimal digits or a passphrase, mode 0600; else HOLDFAST_KEY_FILE")
		.option("--s3-endpoint <url>", "the store, where it is not AWS; else HOLDFAST_S3_ENDPOINT")
		.option("--s3-region <name>", "the store's region; else HOLDFAST_S3_REGION");

/** What is said of the vault in a verb: where, and with which key. Nothing is opened yet. Throws a sentence. */
export const placeOf = (
	{ environment }: { environment: Environment },
	options: PlaceOptions,
): { place: TargetPlace; keyFile: string; name: string } => {
	const name = options.target ?? environment.HOLDFAST_TARGET;
	if (!name) throw usage("Say where the vault is, with --target FOLDER or --target s3://BUCKET/PREFIX.");
	const keyFile = options.keyFile ?? environment.HOLDFAST_KEY_FILE;
	if (!keyFile) throw usage("Say what opens the vault, with --key-file FILE; `holdfast vault init` makes one.");
	return { place: targetPlace(name, options, environment), keyFile, name };
};

const targetPlace = (name: string, options: PlaceOptions, environment: Environment): TargetPlace => {
	const s3 = /^s3:\/\/([^/]+)\/?(.*?)\/?$/.exec(name);
	if (s3 === null) return { type: "file", path: name };
	const [, bucket = "", prefix = ""] = s3;
	const endpoint = options.s3Endpoint ?? environment.HOLDFAST_S3_ENDPOINT;
	const region = options.s3Region ?? environment.HOLDFAST_S3_REGION;
	return {
		type: "s3",
		bucket,
		...(prefix !== "" && { prefix }),
		...(endpoint !== undefined && { endpoint }),
		...(region !== undefined && { region }),
	};
};

/** The target as it is used: a store is probed first, for what it really does. */
export const openPlace = async (place: TargetPlace): Promise<OpenedTarget> => {
	const { openTarget } = await import("#vault/targets/open.ts");
	if (place.type === "file") return openTarget(place);
	const { probeTarget } = await import("#vault/targets/probe.ts");
	const { capabilities } = await probeTarget((claimed) => openTarget(place, { capabilities: claimed }));
	return openTarget(place, { capabilities });
};

/** Runs `work` with the open vault and closes it, whatever happens. The heavy modules are loaded only here. */
export const withVault = async <T>(
	cli: Cli,
	options: PlaceOptions,
	work: (vault: Vault, about: { target: OpenedTarget; keys: KeyProvider }) => Promise<T>,
): Promise<T> => {
	const { place, keyFile } = placeOf(cli, options);
	const [{ openVault }, { keyFromFile }] = await Promise.all([import("#vault/open.ts"), import("#vault/keys.ts")]);
	const target = await openPlace(place);
	const keys = keyFromFile(keyFile);
	try {
		const vault = await openVault({ target, keys });
		try {
			return await work(vault, { target, keys });
		} finally {
			await vault.close();
		}
	} finally {
		target.close();
	}
};
