import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import test, { type ExecutionContext } from "ava";

const main = fileURLToPath(new URL("../../deploy/embedded/main.ts", import.meta.url));

/** Processes whose command line names the folder: the parts of its stack. */
const partsOf = (folder: string): string[] =>
	readdirSync("/proc")
		.filter((name) => /^\d+$/.test(name))
		.filter((pid) => {
			try {
				return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(folder);
			} catch {
				return false; // It ended meanwhile.
			}
		});

const stackIn = (
	t: ExecutionContext,
	env: Record<string, string>,
): { child: ChildProcess; folder: string; temporary: string } => {
	const folder = mkdtempSync(join(tmpdir(), "holdfast-interrupt-"));
	const temporary = join(folder, "tmp");
	mkdirSync(temporary);
	const child = spawn(process.execPath, [main, "--free-ports", "--data", join(folder, "data")], {
		env: { ...process.env, TMPDIR: temporary, ...env },
		stdio: ["ignore", "pipe", "pipe"],
	});
	t.teardown(() => {
		child.kill("SIGKILL");
		rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
	});
	return { child, folder, temporary };
};

/** Interrupts a stack when it says `when`, and waits for its end. */
const interruptAt = async (
	t: ExecutionContext,
	when: string,
	signal: NodeJS.Signals,
	env: Record<string, string> = {},
) => {
	const { child, folder, temporary } = stackIn(t, env);
	const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
	const said: string[] = [];
	for (const stream of [child.stdout, child.stderr]) {
		createInterface({ input: stream as NodeJS.ReadableStream }).on("line", (line) => {
			said.push(line);
			if (line.includes(when)) child.kill(signal);
		});
	}
	return { code: await ended, said: said.join("\n"), parts: partsOf(folder), left: readdirSync(temporary) };
};

for (const { when, signal, code } of [
	{ when: "starting store", signal: "SIGINT", code: 130 },
	{ when: "deploying the functions", signal: "SIGTERM", code: 143 },
] as const) {
	test.serial(`${signal} at "${when}" stops what had been started, and leaves nothing behind`, async (t) => {
		const end = await interruptAt(t, when, signal);
		t.is(end.code, code, end.said);
		t.regex(end.said, /Interrupted; everything that had been started was stopped/);
		t.notRegex(end.said, /Holdfast is running/);
		t.deepEqual(end.parts, []);
		t.deepEqual(end.left, []);
	});
}

test.serial("Ctrl-C ends a running stack well, also on a machine that reaches the world through a proxy", async (t) => {
	const nobody = "http://127.0.0.1:1";
	const end = await interruptAt(t, "Ctrl-C stops it.", "SIGINT", { HTTP_PROXY: nobody, http_proxy: nobody });
	t.is(end.code, 0, end.said);
	t.deepEqual(end.parts, []);
	t.deepEqual(end.left, []);
});
