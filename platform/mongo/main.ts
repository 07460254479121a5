import { parseArgs } from "node:util";
import { startDocumentStore } from "./server.ts";

const help = `The embedded document store: the MongoDB wire protocol over one folder, for one machine.

Usage: node platform/mongo/main.ts --data DIR (--socket PATH | --port N)

  --data DIR     the folder of the data; made when missing; one server at a time
  --socket PATH  listen on a Unix socket with mode 0600
  --port N       listen on 127.0.0.1 (0: any free port)
  --help         this text

Prints one JSON line, {"ready":true,"uri":"…"}, when it accepts connections. SIGTERM and SIGINT close it.
`;

type Options = Parameters<typeof startDocumentStore>[0];

/** @throws Error with one sentence for a missing or wrong option */
function readOptions(args: string[]): Options | "help" {
	const { values } = parseArgs({
		args,
		options: {
			data: { type: "string" },
			socket: { type: "string" },
			port: { type: "string" },
			help: { type: "boolean" },
		},
	});
	if (values.help) return "help";
	if (!values.data) throw new Error("The data folder is missing; give --data DIR.");
	if ((values.socket === undefined) === (values.port === undefined))
		throw new Error("Give one address to listen on: --socket PATH or --port N.");
	if (values.socket !== undefined) return { dataFolder: values.data, listen: { socketPath: values.socket } };
	const port = /^\d+$/.test(values.port ?? "") ? Number(values.port) : Number.NaN;
	return { dataFolder: values.data, listen: { port } };
}

try {
	const options = readOptions(process.argv.slice(2));
	if (options === "help") process.stdout.write(help);
	else {
		const store = await startDocumentStore(options);
		for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void store.close());
		process.stdout.write(`${JSON.stringify({ ready: true, uri: store.uri })}\n`);
	}
} catch (error) {
	process.stderr.write(`${(error as Error).message}\n`);
	process.exitCode = 1;
}
