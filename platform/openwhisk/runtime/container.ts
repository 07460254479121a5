import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent, request } from "node:http";
import type { Socket } from "node:net";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { containerEnvironment } from "./environment.ts";
import { collectLogs, type LogCollector } from "./logs.ts";

const proxyPath = fileURLToPath(new URL("./proxy.cjs", import.meta.url));

// util-linux's setpriv asks the kernel to kill the container when the platform dies, which also ends an action that is
// in an endless loop. Where there is none, the closed channel ends every action that still turns its event loop.
const setpriv = ["/usr/bin/setpriv", "/bin/setpriv"].find((path) => existsSync(path));

/** Answers beyond this many bytes are counted but not kept; the caller reports them as too long. */
const keptAnswerBytes = 2 * 1024 * 1024;

export type Answer =
	| { kind: "answer"; status: number; text: string; bytes: number }
	/** The deadline passed; the container has been killed. */
	| { kind: "timeout" }
	/** The process went away; `exit` says how, as far as the kernel told. */
	| { kind: "lost"; outOfMemory: boolean };

export type Container = {
	readonly pid: number;
	readonly logs: LogCollector;
	/** Whether a further call can be made. */
	alive(): boolean;
	/** Posts JSON to `/init` or `/run`. Never rejects. */
	call(path: "/init" | "/run", body: unknown, timeoutMs: number): Promise<Answer>;
	/** Kills the process and its group and removes its folder. Never rejects, safe to call twice. */
	destroy(): Promise<void>;
};

export type ContainerOptions = {
	/** The Node that runs the action. */
	node: string;
	/** Where the container's own folder is made. */
	folder: string;
	memoryMb: number;
	apiHost: string;
	now: () => Date;
};

/** Starts one action process. It listens nowhere: HTTP goes over an inherited socket that dies with either side. */
export async function startContainer(options: ContainerOptions): Promise<Container> {
	const folder = await mkdtemp(join(options.folder, "container-"));
	const command = [options.node, `--max-old-space-size=${options.memoryMb}`, proxyPath, "--channel", "3"];
	if (setpriv) command.unshift(setpriv, "--pdeathsig", "KILL", "--");
	const [file = options.node, ...args] = command;
	const child = spawn(file, args, {
		cwd: folder,
		env: containerEnvironment(folder, options.apiHost),
		stdio: ["ignore", "pipe", "pipe", "pipe"],
		detached: true, // its own process group: what the action started in it is killed with it
	});
	const exited = whenExited(child);
	const channel = child.stdio[3] as Socket;
	channel.on("error", () => {});
	let memoryExhausted = false;
	child.stderr?.on("data", (chunk: Buffer) => {
		if (chunk.includes("JavaScript heap out of memory")) memoryExhausted = true;
	});
	const logs = collectLogs({ stdout: child.stdout as Readable, stderr: child.stderr as Readable }, options.now);
	const agent = oneSocketAgent(channel);
	let gone = false;
	const end = exited.then(async () => {
		gone = true;
		killGroup(child);
		agent.destroy();
		channel.destroy();
		// What the action started in a group of its own lives on and may still write here. A rest goes with the platform's
		// folder; it is no reason to fail.
		await rm(folder, { recursive: true, force: true, maxRetries: 3 }).catch(() => {});
	});

	async function destroy() {
		if (!gone) killGroup(child);
		await end;
	}

	return {
		pid: child.pid ?? -1,
		logs,
		alive: () => !gone && !channel.destroyed,
		destroy,
		async call(path, body, timeoutMs) {
			const answer = await post(agent, path, JSON.stringify(body), timeoutMs);
			if (answer === "timeout") {
				await destroy();
				return { kind: "timeout" };
			}
			if (answer !== "lost") return { kind: "answer", ...answer };
			await destroy();
			return { kind: "lost", outOfMemory: memoryExhausted };
		},
	};
}

function whenExited(child: ChildProcess): Promise<void> {
	return new Promise((resolve) => {
		child.on("exit", () => resolve());
		child.on("error", () => resolve()); // could not be started
	});
}

function killGroup(child: ChildProcess) {
	if (child.pid === undefined) return;
	try {
		process.kill(-child.pid, "SIGKILL");
	} catch {
		// The whole group is gone already.
	}
}

function oneSocketAgent(channel: Socket): Agent {
	const agent = new Agent({ keepAlive: true, maxSockets: 1 });
	agent.createConnection = () => channel;
	return agent;
}

type Reply = { status: number; text: string; bytes: number };

function post(agent: Agent, path: string, body: string, timeoutMs: number): Promise<Reply | "timeout" | "lost"> {
	return new Promise((resolve) => {
		const timer = setTimeout(() => resolve("timeout"), timeoutMs);
		const settle = (result: Reply | "lost") => {
			clearTimeout(timer);
			resolve(result);
		};
		const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
		const outgoing = request({ agent, method: "POST", path, headers }, (response) => {
			const chunks: Buffer[] = [];
			let bytes = 0;
			response.on("data", (chunk: Buffer) => {
				bytes += chunk.length;
				if (bytes <= keptAnswerBytes) chunks.push(chunk);
			});
			response.on("error", () => settle("lost"));
			response.on("end", () => {
				const text = Buffer.concat(chunks).toString("utf8");
				settle(response.complete ? { status: response.statusCode ?? 0, text, bytes } : "lost");
			});
		});
		outgoing.on("error", () => settle("lost"));
		outgoing.end(body);
	});
}
