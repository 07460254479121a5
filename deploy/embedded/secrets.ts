import { randomBytes, randomUUID } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Made once per data folder; every later start of the stack in that folder uses the same. */
export type Secrets = {
	/** OpenWhisk's `uuid:key`. */
	openwhiskAuth: string;
	/** What shows a function that a request came through the gateway. */
	gatewaySecret: string;
};

const onceInFile = (path: string, make: () => string): string => {
	try {
		writeFileSync(path, make(), { mode: 0o600, flag: "wx" });
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
	}
	return readFileSync(path, "utf8").trim();
};

/** Paths of the secret files, which have mode 0600, and what is in them. */
export const readOrMakeSecrets = (folder: string): Secrets & { openwhiskAuthFile: string; vaultKeyFile: string } => {
	const openwhiskAuthFile = join(folder, "openwhisk-auth");
	const vaultKeyFile = join(folder, "vault-key");
	onceInFile(vaultKeyFile, () => randomBytes(32).toString("hex"));
	return {
		openwhiskAuth: onceInFile(openwhiskAuthFile, () => `${randomUUID()}:${randomBytes(32).toString("hex")}`),
		gatewaySecret: onceInFile(join(folder, "gateway-secret"), () => randomBytes(32).toString("hex")),
		openwhiskAuthFile,
		vaultKeyFile,
	};
};
