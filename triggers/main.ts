import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { createFire } from "./fire.ts";
import { cronOf, startTicker } from "./tick.ts";

const help = `Fires Holdfast's tick, so that due work is looked at even when nothing happens.

  node triggers/main.ts --apihost URL --auth-file FILE [--every SECONDS]

  --apihost URL     URL of OpenWhisk
  --auth-file FILE  a file that holds the API key of the namespace
  --auth KEY        the API key itself (visible in the process list; prefer --auth-file)
  --every SECONDS   default 60: on each full minute
  --trigger NAME    default tick

It may be stopped, started and run more than once as you like: a lost or doubled tick does no harm.
`;

function readOptions() {
	const { values } = parseArgs({
		options: {
			apihost: { type: "string" },
			auth: { type: "string" },
			"auth-file": { type: "string" },
			every: { type: "string", default: "60" },
			trigger: { type: "string", default: "tick" },
			help: { type: "boolean", default: false },
		},
	});
	if (values.help) return undefined;
	const file = values["auth-file"];
	const auth = file === undefined ? values.auth : readFileSync(file, "utf8").trim();
	if (values.apihost === undefined) throw new Error("Say where OpenWhisk is with --apihost URL.");
	if (auth === undefined) throw new Error("Give the API key with --auth-file FILE or --auth KEY.");
	const everySeconds = Number(values.every);
	cronOf(everySeconds); // refuses a bad interval before anything starts
	return { apihost: values.apihost, auth, trigger: values.trigger, everySeconds };
}

try {
	const options = readOptions();
	if (options === undefined) process.stdout.write(help);
	else {
		const log = (line: string) => process.stderr.write(`${new Date().toISOString()} ${line}\n`);
		const ticker = startTicker({ everySeconds: options.everySeconds, fire: createFire(options), log });
		// Before the ready line: whoever reads it may stop us at once.
		for (const signal of ["SIGTERM", "SIGINT"] as const)
			process.once(signal, () => void ticker.stop().then(() => process.exit(0)));
		process.stdout.write(`${JSON.stringify({ ready: true, trigger: options.trigger })}\n`);
	}
} catch (error) {
	process.stderr.write(`${(error as Error).message}\n`);
	process.exit(1);
}
