import type { ChildProcess } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connectNbd, type NbdClient } from "#nbd/client.ts";
import { isNbdError } from "#nbd/error.ts";
import { blockNode, type Layer } from "../disks/chain.ts";
import { AgentError } from "../errors.ts";
import type { Children } from "./children.ts";

/** An image that a `qemu-nbd` process of ours serves, and the connection to it. */
export type ServedImage = {
	readonly client: NbdClient;
	/** Why the process ended, once it has. */
	readonly ended: () => string | undefined;
	/** Says good-bye, ends the process, waits for its end. Safe to repeat. What was flushed before is kept. */
	close(): Promise<void>;
};

const startDeadlineMs = 30_000;
const startPollMs = 10;
/** After that long a process that was asked to end is killed: it waits for storage. */
const stopDeadlineMs = 10_000;
const maxErrorCharacters = 2000;

/**
 * io_uring reads warm files at twice the rate of threads (measured); hosts that forbid it make qemu-nbd say so, and
 * every later image is opened with threads.
 */
const aioModes = ["io_uring", "threads"] as const;
let aio: (typeof aioModes)[number] = aioModes[0];

let sockets = 0;

/** What qemu-nbd printed before it gave up, as one of our errors. */
const explain = (path: string, text: string): AgentError => {
	if (/Failed to get (shared )?"[a-z]+" lock/.test(text)) return new AgentError("DISK_IN_USE", { path });
	if (/Permission denied/.test(text)) return new AgentError("DISK_DENIED", { path });
	if (/No such file or directory/.test(text)) return new AgentError("DISK_MISSING", { path });
	return new AgentError("QEMU_FAILED", { path, reason: text.trim().replace(/\s+/g, " ") || "it said nothing" });
};

type Process = { child: ChildProcess; text: () => string; ended: () => string | undefined; exit: Promise<void> };

const watch = (child: ChildProcess): Process => {
	let text = "";
	let ended: string | undefined;
	child.stderr?.setEncoding("utf8").on("data", (piece: string) => {
		text = (text + piece).slice(-maxErrorCharacters);
	});
	const exit = new Promise<void>((resolve) => {
		child.once("error", (error: NodeJS.ErrnoException) => {
			ended = error.code === "ENOENT" ? "ENOENT" : error.message;
			resolve();
		});
		child.once("close", (code, signal) => {
			ended ??= `qemu-nbd ended with ${signal ?? `code ${code}`}`;
			resolve();
		});
	});
	return { child, text: () => text, ended: () => ended, exit };
};

const stop = async ({ child, exit, ended }: Process, socket: string): Promise<void> => {
	if (ended() === undefined) child.kill("SIGTERM");
	const insist = setTimeout(() => child.kill("SIGKILL"), stopDeadlineMs);
	await exit;
	clearTimeout(insist);
	rmSync(socket, { force: true });
};

const connectWhenReady = async (process: Process, path: string, socket: string): Promise<NbdClient> => {
	const deadline = performance.now() + startDeadlineMs;
	for (;;) {
		try {
			return await connectNbd({ path: socket }, { contexts: ["base:allocation"] });
		} catch (error) {
			// qemu-nbd listens before it has opened the image: a connection that is lost is a failure that follows.
			if (!isNbdError(error, "CONNECT", "CLOSED")) throw error;
		}
		const { ended } = process;
		if (ended() === "ENOENT") throw new AgentError("QEMU_MISSING");
		// setpriv's own words, and the exit code it uses for a command that is not there.
		if (ended() !== undefined && /setpriv: failed to execute/.test(process.text()))
			throw new AgentError("QEMU_MISSING");
		if (ended() !== undefined) throw explain(path, process.text());
		if (performance.now() > deadline) {
			const reason = `it was not ready within ${startDeadlineMs / 1000} s`;
			throw new AgentError("QEMU_FAILED", { path, reason });
		}
		await Promise.race([sleep(startPollMs), process.exit]);
	}
};

export type ServeOptions = { layers: readonly Layer[]; writable: boolean; children: Children };

/** Serves an image to ourselves. Throws DISK_IN_USE, DISK_DENIED, DISK_MISSING, QEMU_FAILED, QEMU_MISSING. */
export const serveImage = async ({ layers, writable, children }: ServeOptions): Promise<ServedImage> => {
	const path = layers[0]?.path ?? "";
	const mode = aio;
	const socket = join(children.socketFolder, `${sockets++}.sock`);
	const access = writable ? ["--discard=unmap"] : ["--read-only"];
	const process = watch(
		children.start("qemu-nbd", [
			...["--persistent", "--shared=8", `--socket=${socket}`, ...access],
			`json:${JSON.stringify(blockNode(layers, mode))}`,
		]),
	);
	try {
		const client = await connectWhenReady(process, path, socket);
		return {
			client,
			ended: process.ended,
			async close() {
				client.close();
				await stop(process, socket);
			},
		};
	} catch (error) {
		await stop(process, socket);
		if (mode === "io_uring" && /io_uring/.test(process.text())) {
			aio = "threads";
			return serveImage({ layers, writable, children });
		}
		throw error;
	}
};
