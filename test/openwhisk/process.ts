import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Json } from "./proxy.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

export type Program = {
	child: ChildProcess;
	/** The JSON of the ready line. */
	ready: Json;
	stderr: string[];
	/** Sends the signal and waits for the end; answers the exit code. */
	end(signal: NodeJS.Signals): Promise<number | null>;
};

/** A program of the project as a process of its own; rejects with its standard error when it ends before it is ready. */
export async function startProgram(script: string, args: string[], env: Record<string, string> = {}): Promise<Program> {
	const child = spawn(process.execPath, [script, ...args], {
		cwd: root,
		env: { PATH: process.env.PATH ?? "", ...env },
	});
	const stderr: string[] = [];
	createInterface({ input: child.stderr }).on("line", (line) => stderr.push(line));
	const exited = once(child, "close");
	const ready = await new Promise<Json>((resolve, reject) => {
		void exited.then(([code]) => reject(new Error(`ended with ${code}: ${stderr.join("\n")}`)));
		createInterface({ input: child.stdout }).on("line", (line) => {
			if (line.startsWith('{"ready":true')) resolve(JSON.parse(line));
		});
	});
	return {
		child,
		ready,
		stderr,
		async end(signal) {
			if (child.exitCode === null && child.signalCode === null) child.kill(signal);
			return (await exited)[0];
		},
	};
}
