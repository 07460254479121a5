import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { startEngine } from "./engine.ts";
import { startGateway } from "./gateway.ts";

/** Where the engine's packages are kept from run to run. 900 MB. */
const folder = "/var/cache/holdfast/documentdb";

/** Installs DocumentDB where it is not there (as root, on Debian), starts it and its gateway with fresh data. */
export async function startDocumentDb(): Promise<{ uri: string; stop(): Promise<void> }> {
	execFileSync(fileURLToPath(new URL("install.sh", import.meta.url)), [folder], { stdio: ["ignore", 2, 2] });
	const engine = await startEngine(folder);
	const gateway = await startGateway(engine.client);
	return {
		uri: gateway.uri,
		async stop() {
			await gateway.close();
			await engine.stop();
		},
	};
}
