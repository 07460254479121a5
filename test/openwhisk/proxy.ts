import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const script = fileURLToPath(new URL("../../platform/openwhisk/runtime/proxy.cjs", import.meta.url));

// biome-ignore lint/suspicious/noExplicitAny: what a test looks at is whatever came
export type Json = any;

export type ActionProxy = {
	child: ChildProcess;
	stdout: string[];
	stderr: string[];
	post(path: string, body: unknown): Promise<{ status: number; body: Json }>;
	init(code: string, value?: Record<string, unknown>): Promise<{ status: number; body: Json }>;
	run(value?: unknown, extra?: Record<string, unknown>): Promise<{ status: number; body: Json }>;
	stop(): void;
};

/** The action proxy as a process of its own, reached over its port like the one in an OpenWhisk image. */
export async function startProxy(node: string): Promise<ActionProxy> {
	const cwd = mkdtempSync(join(tmpdir(), "proxy-test-"));
	const child = spawn(node, [script, "--port", "0"], { cwd, env: { PATH: "/usr/bin:/bin" }, stdio: "pipe" });
	const stdout: string[] = [];
	const stderr: string[] = [];
	createInterface({ input: child.stderr }).on("line", (line) => stderr.push(line));
	const port = await new Promise<number>((resolve, reject) => {
		child.once("exit", () => reject(new Error(`the proxy did not start: ${stderr.join("\n")}`)));
		createInterface({ input: child.stdout }).on("line", (line) => {
			if (line.startsWith('{"ready":')) resolve(JSON.parse(line).port);
			else stdout.push(line);
		});
	});
	const post: ActionProxy["post"] = async (path, body) => {
		const text = typeof body === "string" ? body : JSON.stringify(body);
		const response = await fetch(`http://127.0.0.1:${port}${path}`, { method: "POST", body: text });
		return { status: response.status, body: await response.json() };
	};
	return {
		child,
		stdout,
		stderr,
		post,
		init: (code, value = {}) => post("/init", { value: { name: "test", main: "main", code, binary: false, ...value } }),
		run: (value = {}, extra = {}) => post("/run", { value, ...extra }),
		stop() {
			child.kill("SIGKILL");
			rmSync(cwd, { recursive: true, force: true });
		},
	};
}

/** The Node of the tests, and another major version from PATH when there is one (actions run on Node 20 in production). */
export function availableNodes(): { name: string; path: string }[] {
	const own = { name: process.version, path: process.execPath };
	for (const folder of (process.env.PATH ?? "").split(delimiter)) {
		const path = join(folder, "node");
		if (folder === "" || folder.includes("node_modules") || !existsSync(path)) continue;
		const name = execFileSync(path, ["--version"], { encoding: "utf8" }).trim();
		if (name.split(".")[0] !== own.name.split(".")[0]) return [own, { name, path }];
	}
	return [own];
}
