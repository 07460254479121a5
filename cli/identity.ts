import type { Command } from "commander";
import type { Cli } from "./cli.ts";
import type { Client } from "./client.ts";
import { chooseSettings } from "./cloud/choose.ts";
import { connect } from "./cloud/connect.ts";
import { authNames, cloudNames, type Settings } from "./cloud/settings.ts";

const flagOf = (name: string): string => `--os-${name.replaceAll("_", "-")}`;
const keyOf = (name: string): string => `os_${name}`.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

/** Adds the options that say who is asking, and where. They may stand before or after the command. */
export const withIdentity = (program: Command): Command => {
	program.option("--os-cloud <name>", "a cloud of clouds.yaml (OS_CLOUD)");
	for (const name of [...authNames, ...cloudNames]) {
		program.option(`${flagOf(name)} <value>`, `OS_${name.toUpperCase()}`);
	}
	return program.option(
		"--endpoint <url>",
		"the API's address instead of the catalog's (OS_WORKLOADS_ENDPOINT_OVERRIDE)",
	);
};

/** The client for the identity that the command's options, `clouds.yaml` and the environment say. Sends nothing yet. */
export const connectFor = ({ environment, cwd, home }: Omit<Cli, "connect">, command: Command): Client => {
	const given = command.optsWithGlobals<Record<string, string | undefined>>();
	const options: Settings = {};
	for (const name of [...authNames, ...cloudNames]) {
		const value = given[keyOf(name)];
		if (value !== undefined) options[name] = value;
	}
	if (given.endpoint !== undefined) options.workloads_endpoint_override = given.endpoint;
	return connect(chooseSettings({ cloud: given.osCloud, options, environment, cwd, home }));
};
