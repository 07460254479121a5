import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const leash = fileURLToPath(new URL("./leash.ts", import.meta.url));
const root = fileURLToPath(new URL("../../", import.meta.url));

/** How long a part may take to say that it is ready, and to end when asked, before something is wrong with it. */
const readyDeadlineMs = 60_000;
const stopDeadlineMs = 15_000;

/** One running part of the stack. */
export type Child = {
	readonly name: string;
	readonly pid: number;
	/** What it printed in its ready line, for instance the URL it listens on. */
	readonly ready: Record<string, string>;
	/** Resolves with a sentence when the process ends, for whatever reason. */
	readonly ended: Promise<string>;
	/** Asks it to end (SIGTERM), insists after 15 s (SIGKILL). Safe to repeat. */
	stop(): Promise<void>;
	/** SIGKILL, for the demo's accident. */
	kill(): Promise<void>;
};

export type ChildOptions = {
	name: string;
	/** Path of the script below the checkout. */
	script: string;
	args: readonly string[];
	/** Added to a minimal environment: parts see only what they are given. */
	env?: Record<string, string>;
	/** `<logFolder>/<name>.log` gets its standard error. */
	logFolder: string;
};

const minimalEnvironment = (): Record<string, string> =>
	Object.fromEntries(
		["PATH", "HOME", "LANG", "TZ", "TMPDIR"].flatMap((name) => {
			const value = process.env[name];
			return value === undefined ? [] : [[name, value]];
		}),
	);

const waitReady = (child: ChildProcess, name: string, logFile: string): Promise<Record<string, string>> =>
	new Promise((resolve, reject) => {
		const fail = (why: string): void => reject(new Error(`${name} did not start: ${why}; see ${logFile}.`));
		const timer = setTimeout(() => fail(`not ready within ${readyDeadlineMs / 1000} s`), readyDeadlineMs);
		child.once("error", (error) => fail(error.message));
		child.once("exit", (code, signal) => fail(`it ended with ${signal ?? `code ${code}`}`));
		const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
		lines.on("line", (line) => {
			const message = line.startsWith("{") ? (JSON.parse(line) as Record<string, string>) : {};
			if (!message.ready) return;
			clearTimeout(timer);
			child.removeAllListeners("exit");
			resolve(message);
		});
	});

/** Starts a part and waits until it prints its ready line, one JSON object with `"ready": true`, on standard output. */
export const startChild = async ({ name, script, args, env = {}, logFolder }: ChildOptions): Promise<Child> => {
	mkdirSync(logFolder, { recursive: true });
	const logFile = join(logFolder, `${name}.log`);
	const log = openSync(logFile, "a", 0o600);
	const child = spawn(process.execPath, ["--import", leash, join(root, script), ...args], {
		cwd: root,
		env: { ...minimalEnvironment(), ...env },
		stdio: ["ignore", "pipe", log, "ipc"],
		// A process group of its own: Ctrl-C reaches the stack only, which then stops its parts in the right order.
		detached: true,
	});
	closeSync(log);
	const exit = new Promise<string>((resolve) => {
		child.once("close", (code, signal) => resolve(`${name} ended with ${signal ?? `code ${code}`}; see ${logFile}.`));
		child.once("error", (error) => resolve(`${name} could not be started: ${error.message}`));
	});
	const end = async (signal: NodeJS.Signals): Promise<void> => {
		if (child.exitCode === null && child.signalCode === null) child.kill(signal);
		const insist = setTimeout(() => child.kill("SIGKILL"), stopDeadlineMs);
		await exit;
		clearTimeout(insist);
	};
	try {
		const ready = await waitReady(child, name, logFile);
		return {
			name,
			pid: child.pid as number,
			ready,
			ended: exit,
			stop: () => end("SIGTERM"),
			kill: () => end("SIGKILL"),
		};
	} catch (error) {
		await end("SIGKILL");
		throw error;
	}
};
