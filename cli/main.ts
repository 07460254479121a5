import { homedir } from "node:os";
import { CommanderError } from "commander";
import type { Cli } from "./cli.ts";
import { asFailure, exitCodes } from "./failure.ts";
import { connectFor } from "./identity.ts";
import { createProgram } from "./program.ts";

/** Runs one command and returns the exit code; every failure is one sentence on standard error. */
const run = async (): Promise<number> => {
	const { stdout, stderr, env: environment } = process;
	const surroundings = { environment, cwd: process.cwd(), home: environment.HOME ?? homedir(), stdout, stderr };
	const cli: Cli = { ...surroundings, connect: (command) => connectFor(surroundings, command) };
	try {
		await createProgram(cli).parseAsync();
		return exitCodes.ok;
	} catch (error) {
		// Commander has written its own sentence, or the help that was asked for.
		if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
		const failure = asFailure(error);
		stderr.write(`holdfast: ${failure.message}\n`);
		return failure.exitCode;
	}
};

// `holdfast snapshot list | head -1` closes our output early; that is not an error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
	if (error.code !== "EPIPE") throw error;
	process.exit(exitCodes.ok);
});
process.exitCode = await run();
