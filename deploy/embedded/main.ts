import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { installMissingPackages } from "#deploy/debian/install.ts";
import { openDataFolder } from "./folder.ts";
import { Interrupted, interruption, watchInterrupts } from "./interrupt.ts";
import { lockFolder } from "./lock.ts";
import { type Stack, startStack, userEnvironment } from "./stack.ts";

const help = `Starts Holdfast on this machine and keeps it running: a demo cloud, the embedded document store and
OpenWhisk, the functions, the gateway and one agent. Ctrl-C stops it. Everything listens on loopback, but the demo
cloud's passwords are public: not for a machine with users that you do not trust.

  npm start                          keeps its data in .holdfast/local
  npm start -- --data .holdfast/demo looks around in what the demo made
  npm start -- --free-ports          takes free ports instead of 5000, 3233, 8780 and 8784

Options:
  --data DIR     folder for everything it keeps (made if absent), and for nothing else
  --free-ports   for a second stack on the same machine
  --help         this text

With MONGODB_URI set, state goes to that MongoDB instead of the embedded document store.`;

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
	const interrupted = watchInterrupts();
	installMissingPackages(log);
	const dataFolder = resolve(values.data ?? ".holdfast/local");
	openDataFolder(dataFolder);
	const unlock = await lockFolder(dataFolder);
	const ports = values["free-ports"] ? freePorts : usualPorts;
	const mongodbUri = process.env.MONGODB_URI || undefined;
	const stack = await startStack({ dataFolder, ports, mongodbUri, log, signal: interrupted });
	tell(stack);
	const asked = interruption(interrupted).catch(() => undefined);
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
	process.exitCode = error instanceof Interrupted ? error.exitCode : 1;
}
// What was still being asked of a part that is gone may wait for its deadline; nobody waits for that.
process.exit();
