import type { Command } from "commander";
import type { Client } from "./client.ts";

export type Environment = Record<string, string | undefined>;

/** Everything of the process that commands use. */
export type Cli = {
	environment: Environment;
	cwd: string;
	home: string;
	stdout: NodeJS.WriteStream;
	stderr: NodeJS.WriteStream;
	/** The API, as the options of this command, `clouds.yaml` and the environment say. */
	connect(command: Command): Client;
};
