import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { ExecutionContext } from "ava";
import { stringify } from "yaml";
import { startTicks } from "#agents/compute/qemu/proc.ts";
import type { TestApi } from "./api.ts";
import type { Lab } from "./lab.ts";

const main = fileURLToPath(new URL("../../agents/compute/main.ts", import.meta.url));
const readyTimeoutMs = 90_000;

export const agentConfig = (lab: Lab, more: Record<string, unknown> = {}) => ({
	host: "compute-7",
	state_path: lab.at("state"),
	instances_path: lab.at("instances"),
	mount_point_base: lab.at("mnt"),
	targets: { default: { type: "file", path: lab.at("target"), key_file: lab.at("key"), mounted_only: false } },
	slots: 1,
	memory_mib: 32,
	...more,
});

export const identity = (api: Pick<TestApi, "url">): Record<string, string> => ({
	OS_AUTH_URL: api.url,
	OS_USERNAME: "agent",
	OS_PASSWORD: "secret",
	OS_PROJECT_NAME: "service",
	OS_REGION_NAME: "RegionOne",
});

export type Agent = {
	child: ChildProcess;
	pid: number;
	text: () => string;
	kill(signal: NodeJS.Signals): Promise<number | null>;
};

/** Starts a real agent process and waits for its ready line, or with `ready: false` for nothing. */
export const startAgent = async (
	t: Pick<ExecutionContext, "teardown">,
	lab: Lab,
	api: TestApi,
	{ ready = true, ...more }: Record<string, unknown> = {},
): Promise<Agent> => {
	const file = lab.at("agent.yaml");
	writeFileSync(file, stringify(agentConfig(lab, more)));
	const env = { PATH: process.env.PATH ?? "", ...identity(api) };
	const child = spawn(process.execPath, [main, "--config", file], { env, stdio: ["ignore", "pipe", "pipe"] });
	let text = "";
	let out = "";
	child.stderr.setEncoding("utf8").on("data", (piece: string) => {
		text += piece;
	});
	const exit = once(child, "exit");
	t.teardown(async () => {
		child.kill("SIGKILL");
		await exit;
	});
	const agent: Agent = {
		child,
		pid: child.pid as number,
		text: () => text,
		async kill(signal) {
			child.kill(signal);
			await exit;
			return child.exitCode;
		},
	};
	const isReady = new Promise<void>((resolve, reject) => {
		const timer = setTimeout(() => reject(new Error(`The agent is not ready: ${text}`)), readyTimeoutMs);
		child.stdout.setEncoding("utf8").on("data", (piece: string) => {
			out += piece;
			if (!out.includes("\n")) return;
			clearTimeout(timer);
			const line = JSON.parse(out.slice(0, out.indexOf("\n")));
			if (line.ready === true && line.pid === child.pid && line.host === "compute-7") resolve();
		});
		child.once("exit", () => {
			clearTimeout(timer);
			reject(new Error(`The agent ended: ${text}`));
		});
	});
	isReady.catch(() => {});
	if (ready) await isReady;
	return agent;
};

/** Living qemu-nbd processes whose command line names a file of this lab. */
export const qemuProcesses = (lab: Lab): number[] =>
	readdirSync("/proc")
		.filter((name) => /^\d+$/.test(name))
		.map(Number)
		.filter((pid) => {
			try {
				const command = readFileSync(`/proc/${pid}/cmdline`, "latin1");
				return command.startsWith("qemu-nbd") && command.includes(lab.folder) && startTicks(pid) !== undefined;
			} catch {
				return false;
			}
		});
