import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connectNbd, type NbdClient } from "#nbd/client.ts";
import { isNbdError } from "#nbd/error.ts";
import { diskExtents } from "#nbd/extents.ts";
import { allocationFlags } from "#nbd/wire.ts";
import { Failure } from "../failure.ts";
import type { Extent, Image } from "./image.ts";

const allocation = "base:allocation";
const startDeadlineMs = 30_000;
const startPollMs = 10;
const maxErrorCharacters = 2000;

/**
 * Opens a qcow2 image and what it is based on, through a `qemu-nbd` that ends with our connection, also when we are
 * killed. Throws a sentence: one that is in use by a running machine is refused.
 */
export const openQcow2 = async (path: string): Promise<Image> => {
	const folder = await mkdtemp(join(tmpdir(), "holdfast-image-"));
	const socket = join(folder, "nbd");
	const server = start(["--read-only", `--socket=${socket}`, "--format=qcow2", "--", path]);
	const end = async (): Promise<void> => {
		server.child.kill("SIGTERM");
		await server.ended;
		await rm(folder, { recursive: true, force: true });
	};
	let client: NbdClient;
	try {
		client = await connectWhenReady(path, socket, server);
	} catch (error) {
		await end();
		throw error;
	}
	return {
		path,
		sizeBytes: client.sizeBytes,
		read: (offset, target) => client.read(offset, target),
		async dataExtents() {
			const data: Extent[] = [];
			for await (const { offset, length, flags } of diskExtents(client, allocation)) {
				if ((flags & allocationFlags.zero) === 0) data.push({ offset, length });
			}
			return data;
		},
		async close() {
			client.close();
			await end();
		},
	};
};

type Server = { child: ChildProcess; ended: Promise<void>; failure: () => string | undefined };

const start = (args: string[]): Server => {
	const child = spawn("qemu-nbd", args, { stdio: ["ignore", "ignore", "pipe"] });
	let said = "";
	let failure: string | undefined;
	child.stderr?.setEncoding("utf8").on("data", (text: string) => {
		said = (said + text).slice(-maxErrorCharacters);
	});
	const ended = new Promise<void>((resolve) => {
		child.once("error", (error: NodeJS.ErrnoException) => {
			const missing = "qemu-nbd is not installed (Debian: apt-get install qemu-utils)";
			failure = error.code === "ENOENT" ? missing : error.message;
			resolve();
		});
		child.once("close", () => {
			failure ??= said.trim().replaceAll(/\s+/g, " ") || "qemu-nbd ended";
			resolve();
		});
	});
	return { child, ended, failure: () => failure };
};

const connectWhenReady = async (path: string, socket: string, server: Server): Promise<NbdClient> => {
	const deadline = performance.now() + startDeadlineMs;
	for (;;) {
		try {
			return await connectNbd({ path: socket }, { contexts: [allocation] });
		} catch (error) {
			// It listens before it has opened the image: what went wrong with that is said when it ends.
			if (!isNbdError(error, "CONNECT", "CLOSED")) throw error;
		}
		const failure = server.failure();
		if (failure !== undefined) throw new Failure(`The image ${path} cannot be opened: ${failure}.`);
		if (performance.now() > deadline) {
			throw new Failure(`qemu-nbd did not open ${path} within ${startDeadlineMs / 1000} s: check its storage.`);
		}
		await Promise.race([sleep(startPollMs), server.ended]);
	}
};
