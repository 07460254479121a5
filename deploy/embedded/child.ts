import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const leash = fileURLToPath(new URL("./leash.ts", import.meta.url));
const root = fileURLToPath(new URL("../../", import.meta.url));

/** How long a part may take to say that it is ready, and to end when asked, before something is wrong with it. */
const readyDeadlineMs = 60_000;
const stopDeadlineMs = 15_000;

/** A log beyond this is put aside when its part starts, and the one put aside before is dropped. */
const longLogBytes = 16 * 1024 * 1024;

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
	/** Aborting it ends a part that is not ready yet. */
	signal?: AbortSignal | undefined;
};

const minimalEnvironment = (): Record<string, string> =>
	Object.fromEntries(
		["PATH", "HOME", "LANG", "TZ", "TMPDIR"].flatMap((name) => {
			const value = process.env[name];
			return value === undefined ? [] : [[name, value]];
		}),
	);

/** The ready line, or undefined for any other line: a part may print what it likes before. */
const readyMessage = (line: string): Record<string, string> | undefined => {
	try {
		const message = JSON.parse(line) as Record<string, string> | null;
		return message?.ready ? message : undefined;
	} catch {
		return undefined;
	}
};

const waitReady = (
	child: ChildProcess,
	name: string,
	logFile: string,
	signal: AbortSignal | undefined,
): Promise<Record<string, string>> =>
	new Promise((resolve, reject) => {
		const settle = (): void => {
			clearTimeout(timer);
			signal?.removeEventListener("abort", interrupted);
		};
		const fail = (why: string): void => {
			settle();
			reject(new Error(`${name} did not start: ${why}; see ${logFile}.`));
		};
		const interrupted = (): void => fail("it was interrupted");
		const timer = setTimeout(() => fail(`not ready within ${readyDeadlineMs / 1000} s`), readyDeadlineMs);
		signal?.addEventListener("abort", interrupted);
		child.once("error", (error) => fail(error.message));
		child.once("exit", (code, killer) => fail(`it ended with ${killer ?? `code ${code}`}`));
		const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
		lines.on("line", (line) => {
			const message = readyMessage(line);
			if (message === undefined) return;
			settle();
			resolve(message);
		});
	});

const openLog = (logFile: string): number => {
	if (existsSync(logFile) && statSync(logFile).size > longLogBytes) renameSync(logFile, `${logFile}.1`);
	return openSync(logFile, "a", 0o600);
};

/**
 * Starts a part and waits until it prints its ready line, one JSON object with `"ready": true`, on standard output.
 * Throws a sentence that names its log when it ends before, is not ready in a minute, or `signal` is aborted; it is
 * gone then.
 */
export const startChild = async (options: ChildOptions): Promise<Child> => {
	const { name, script, args, env = {}, logFolder, signal } = options;
	signal?.throwIfAborted();
	mkdirSync(logFolder, { recursive: true });
	const logFile = join(logFolder, `${name}.log`);
	const log = openLog(logFile);
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
		const ready = await waitReady(child, name, logFile, signal);
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
