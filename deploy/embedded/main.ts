import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { installMissingPackages } from "#deploy/debian/install.ts";
import { lockFolder } from "./lock.ts";
import { type Stack, startStack, userEnvironment } from "./stack.ts";

const help = `Starts Holdfast on this machine and keeps it running: a demo cloud, the embedded document store and
OpenWhisk, the functions, the gateway and one agent. Everything listens on loopback. Ctrl-C stops it.

  npm start                          keeps its data in .holdfast/local
  npm start -- --data .holdfast/demo looks around in what the demo made
  npm start -- --free-ports          takes free ports instead of 5000, 3233, 8780 and 8784

Options:
  --data DIR     folder for everything it keeps (made if absent)
  --free-ports   for a second stack on the same machine
  --help         this text`;

/** Keystone's, OpenWhisk standalone's, and T4O's usual ports. */
const usualPorts = { cloud: 5000, openwhisk: 3233, workloads: 8780, datamover: 8784 };
const freePorts = { cloud: 0, openwhisk: 0, workloads: 0, datamover: 0 };

const tell = (stack: Stack): void => {
	const environment = Object.entries(userEnvironment(stack.authUrl)).map(
		([name, value]) => `  export ${name}=${value}`,
	);
	console.log(`Holdfast is running.

  Keystone   ${stack.authUrl}
  Workloads  ${stack.workloadsUrl}
  Data       ${stack.dataFolder} (logs in log/)

Talk to it from another shell, as a member of the project "demo":

${environment.join("\n")}
  bin/holdfast workload list
  bin/holdfast --help

Ctrl-C stops it.`);
};

const run = async (): Promise<void> => {
	const { values } = parseArgs({
		options: { data: { type: "string" }, "free-ports": { type: "boolean" }, help: { type: "boolean" } },
	});
	if (values.help) {
		console.log(help);
		return;
	}
	const log = (line: string): void => console.error(line);
	installMissingPackages(log);
	const dataFolder = resolve(values.data ?? ".holdfast/local");
	mkdirSync(dataFolder, { recursive: true, mode: 0o700 });
	const unlock = await lockFolder(dataFolder);
	const stack = await startStack({ dataFolder, ports: values["free-ports"] ? freePorts : usualPorts, log });
	tell(stack);
	const asked = new Promise<undefined>((ask) => {
		for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => ask(undefined));
	});
	const broken = await Promise.race([asked, stack.broken]);
	if (broken) {
		console.error(broken);
		process.exitCode = 1;
	}
	await stack.stop();
	await unlock();
};

try {
	await run();
} catch (error) {
	console.error((error as Error).message);
	process.exitCode = 1;
}
