import { randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import { runAgent } from "./agent.ts";
import { connectApi } from "./api.ts";
import { type Config, loadConfig } from "./config.ts";
import { type LogFormat, logFormats, newLog } from "./log.ts";
import { BadOption } from "./options.ts";
import { version } from "./version.ts";

const help = `The Holdfast datamover agent: reads and writes the disks of the instances on this compute host.

  node agents/compute/main.ts --config /etc/holdfast/agent.yaml

  --config FILE       YAML; see docs/agent.md for every option. The least it needs:

                        targets:
                          default: {type: file, path: /mnt/backup, key_file: /etc/holdfast/vault-key}

  --log-format NAME   plain (default) or json, one line per event on standard error
  --version           prints the version
  --help              prints this

Who it is in Keystone comes from OS_AUTH_URL, OS_USERNAME, OS_PASSWORD, OS_PROJECT_NAME (and OS_USER_DOMAIN_NAME,
OS_PROJECT_DOMAIN_NAME, OS_REGION_NAME, OS_INTERFACE), or from the "auth" section of the file.
It prints one line, {"ready":true,…}, on standard output after its first exchange with the datamover API, and goes on
until it gets SIGTERM. Killed at any point, it continues its jobs when it is started again.`;

const flags = () => {
	try {
		const { values } = parseArgs({
			options: {
				config: { type: "string" },
				"log-format": { type: "string", default: "plain" },
				version: { type: "boolean" },
				help: { type: "boolean" },
			},
		});
		return values;
	} catch (error) {
		throw new BadOption(`${(error as Error).message.split(". ")[0]}. See --help.`);
	}
};

const main = async (): Promise<void> => {
	const values = flags();
	if (values.help) return console.log(help);
	if (values.version) return console.log(version);
	if (values.config === undefined) throw new BadOption("--config FILE must be given. See --help.");
	const format = values["log-format"] as LogFormat;
	if (!logFormats.includes(format)) throw new BadOption(`--log-format must be one of ${logFormats.join(", ")}.`);
	const config: Config = loadConfig(values.config, process.env);
	const log = newLog(format, { write: (line) => process.stderr.write(line), now: () => new Date() });

	const stop = new AbortController();
	for (const signal of ["SIGTERM", "SIGINT"] as const) {
		process.once(signal, () => {
			log("stopping", { signal });
			stop.abort();
		});
	}
	const { host, identity, datamoverUrl } = config;
	await runAgent({
		config,
		api: connectApi({ host, ...identity, url: datamoverUrl }),
		log,
		now: () => new Date(),
		clock: () => performance.now(),
		random: Math.random,
		newId: randomUUID,
		onFirstSync: () => console.log(JSON.stringify({ ready: true, host, pid: process.pid })),
		signal: stop.signal,
	});
	log("stopped");
};

try {
	await main();
	// Idle connections of the HTTP client would keep the process for seconds.
	process.exit(0);
} catch (error) {
	console.error(error instanceof BadOption ? error.message : (error as Error).stack);
	process.exit(error instanceof BadOption ? 2 : 1);
}
