import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AgentError } from "../errors.ts";
import { startTicks } from "./proc.ts";

/** Child processes of the agent that must not outlive it, and the folder for their sockets. */
export type Children = {
	/** Private to this process: mode 0700. */
	readonly socketFolder: string;
	/** Starts a command that the kernel kills when the agent dies. Its record is removed when it ends. Throws JOURNAL_FAILED. */
	start(command: string, args: readonly string[]): ChildProcess;
	/** Removes the socket folder. Every child must have ended. */
	close(): void;
};

const folderPrefix = "holdfast-agent-";
/** A killed process that is still there after this waits for storage that does not answer. */
const sweepDeadlineMs = 10_000;
const sweepPollMs = 20;

const endProcess = async (pid: number, ticks: string): Promise<void> => {
	const deadline = performance.now() + sweepDeadlineMs;
	while (startTicks(pid) === ticks) {
		if (performance.now() > deadline) throw new Error(`The left-over process ${pid} does not end; end it by hand.`);
		process.kill(pid, "SIGKILL");
		await sleep(sweepPollMs);
	}
};

/** Ends what an agent that was killed left behind in this state folder: processes by pid and start time, sockets. */
const sweep = async (records: string, folderRecord: string): Promise<number> => {
	let ended = 0;
	for (const name of readdirSync(records)) {
		const [pid, ticks] = name.split("-");
		if (ticks !== undefined && startTicks(Number(pid)) === ticks) {
			await endProcess(Number(pid), ticks);
			ended++;
		}
		rmSync(join(records, name), { force: true });
	}
	try {
		const folder = readFileSync(folderRecord, "utf8").trim();
		if (basename(folder).startsWith(folderPrefix)) rmSync(folder, { recursive: true, force: true });
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
	}
	return ended;
};

/**
 * Sweeps, then makes the table of children. The caller holds the lock on `statePath`. `swept` is how many processes of
 * an earlier agent had to be ended.
 */
export const openChildren = async (statePath: string): Promise<{ children: Children; swept: number }> => {
	const records = join(statePath, "children");
	const folderRecord = join(statePath, "socket-folder");
	mkdirSync(records, { recursive: true, mode: 0o700 });
	const swept = await sweep(records, folderRecord);
	// Not in the state folder: a socket's path has at most 107 bytes, and that folder may be anywhere.
	const socketFolder = mkdtempSync(join(tmpdir(), folderPrefix));
	writeFileSync(folderRecord, socketFolder);
	const children: Children = {
		socketFolder,
		start(command, args) {
			// Two leashes: the kernel's (PR_SET_PDEATHSIG survives exec, so the pid is the command's), and the record for
			// the moment between fork and prctl.
			const child = spawn("setpriv", ["--pdeathsig", "SIGKILL", "--", command, ...args], {
				stdio: ["ignore", "ignore", "pipe"],
				env: { PATH: process.env.PATH, LC_ALL: "C" },
			});
			if (child.pid === undefined) return child;
			const record = join(records, `${child.pid}-${startTicks(child.pid)}`);
			try {
				writeFileSync(record, "");
			} catch (cause) {
				// Nobody has it yet who would end it, and it may hold a disk's lock.
				child.once("error", () => {}).kill("SIGKILL");
				throw new AgentError("JOURNAL_FAILED", { reason: (cause as Error).message }, { cause });
			}
			child.once("exit", () => rmSync(record, { force: true }));
			return child;
		},
		close() {
			rmSync(socketFolder, { recursive: true, force: true });
			rmSync(folderRecord, { force: true });
		},
	};
	return { children, swept };
};
