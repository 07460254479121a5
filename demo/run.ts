import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { findProgram } from "#deploy/debian/find.ts";

const execute = promisify(execFile);

/** Making a file system of a few GiB on a busy machine takes a minute or two; ten means that something hangs. */
const programTimeoutMs = 10 * 60_000;

/** Runs a program to its end and returns its standard output. Throws with its last words when it fails. */
export const run = async (program: string, args: readonly string[]): Promise<string> => {
	const path = findProgram(program);
	if (!path) throw new Error(`${program} is not on this machine; "npm test" or "npm run demo" as root installs it.`);
	try {
		const { stdout } = await execute(path, args, { timeout: programTimeoutMs, maxBuffer: 64 << 20 });
		return stdout;
	} catch (error) {
		const { stderr, message } = error as Error & { stderr?: string };
		throw new Error(`${program} failed: ${stderr?.trim().split("\n").at(-1) || message}`, { cause: error });
	}
};
