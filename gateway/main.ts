import { startGateway } from "./gateway.ts";
import { BadOption, readOptions } from "./options.ts";

const help = `Holdfast's gateway: checks tokens and sizes, and hands requests to the functions on OpenWhisk.

Usage: node gateway/main.ts --openwhisk URL [options]

  --openwhisk URL            OpenWhisk's API host
  --auth-url URL             Keystone (default: OS_AUTH_URL)
  --namespace NAME           OpenWhisk namespace with the functions (default guest)
  --listen HOST:PORT         workloads API (default 127.0.0.1:8780; port 0 takes a free one)
  --datamover-listen H:P     datamover API (default 127.0.0.1:8784)
  --secret-file FILE         the functions' secret (default: HOLDFAST_GATEWAY_SECRET)
  --disable-file FILE        while it exists, /healthcheck answers 503
  --trust-forwarded          believe X-Forwarded-*: only behind a proxy that sets them
  --config FILE              YAML with these names; the command line wins
  --help                     this text

The service user that asks Keystone about tokens comes from OS_USERNAME, OS_PASSWORD, OS_PROJECT_NAME (and domains), or
from OS_APPLICATION_CREDENTIAL_ID and _SECRET. Prints one JSON line when it listens; logs JSON lines to standard error.
SIGTERM ends requests under way first.`;

const run = async (): Promise<void> => {
	const options = readOptions(process.argv.slice(2), process.env);
	if (options === undefined) return console.log(help);
	const gateway = await startGateway(options);
	for (const signal of ["SIGINT", "SIGTERM"] as const) {
		process.once(signal, () => void gateway.close().then(() => process.exit(0)));
	}
	const { workloads, datamover } = gateway;
	console.log(JSON.stringify({ ready: true, workloads, datamover, pid: process.pid }));
};

try {
	await run();
} catch (error) {
	console.error((error as Error).message);
	process.exitCode = error instanceof BadOption ? 2 : 1;
}
