import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { startOpenWhisk } from "./server.ts";

const help = `Embedded OpenWhisk: Apache OpenWhisk's REST API, actions as processes on this machine, loopback only.

  node platform/openwhisk/main.ts --store-uri URI --auth-file FILE [--port N]

  --store-uri URI   where entities and activations are kept: mongodb://…, or memory: to forget them; a URI with a
                    password belongs into OPENWHISK_STORE_URI, which the process list does not show
  --database NAME   the platform's own database in that store; default openwhisk
  --auth UUID:KEY   the API key (visible in the process list; prefer --auth-file)
  --auth-file FILE  a file that holds the API key
  --port N          loopback port; 0, the default, takes any free one
  --namespace NAME  default guest
  --node PATH       the Node that runs the actions; default: the one that runs this
  --containers N    most action processes at a time; default 16

Prints one line of JSON when ready: {"ready":true,"apihost":…,"namespace":…}. SIGTERM lets running activations end.
`;

function readOptions() {
	const { values } = parseArgs({
		options: {
			"store-uri": { type: "string" },
			database: { type: "string" },
			auth: { type: "string" },
			"auth-file": { type: "string" },
			port: { type: "string", default: "0" },
			namespace: { type: "string" },
			node: { type: "string" },
			containers: { type: "string" },
			help: { type: "boolean", default: false },
		},
	});
	if (values.help) return undefined;
	const file = values["auth-file"];
	const auth = file === undefined ? values.auth : readFileSync(file, "utf8").trim();
	if (auth === undefined) throw new Error("Give the API key with --auth-file FILE or --auth UUID:KEY.");
	const storeUri = values["store-uri"] ?? process.env.OPENWHISK_STORE_URI;
	if (!storeUri) throw new Error("Give the store with --store-uri URI or in OPENWHISK_STORE_URI.");
	return {
		storeUri,
		auth,
		port: Number(values.port),
		...(values.database === undefined ? {} : { database: values.database }),
		...(values.namespace === undefined ? {} : { namespace: values.namespace }),
		...(values.node === undefined ? {} : { node: values.node }),
		...(values.containers === undefined ? {} : { maxContainers: Number(values.containers) }),
	};
}

try {
	const options = readOptions();
	if (options === undefined) process.stdout.write(help);
	else {
		const platform = await startOpenWhisk(options);
		const { apihost, namespace } = platform;
		// Before the ready line: whoever reads it may stop us at once.
		for (const signal of ["SIGTERM", "SIGINT"] as const)
			process.once(signal, () => void platform.stop().then(() => process.exit(0)));
		process.stdout.write(`${JSON.stringify({ ready: true, apihost, namespace })}\n`);
	}
} catch (error) {
	process.stderr.write(`${(error as Error).message}\n`);
	process.exit(1);
}
