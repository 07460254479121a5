import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const loadDeadlineMs = 20_000;

/**
 * Loads a bundle once in a process of its own, with an empty environment as on a cold start, and looks for its function.
 * Throws a sentence when it does not load: better here than in the first request after the deployment.
 */
export async function tryBundle(name: string, code: string, main = "main"): Promise<void> {
	const folder = await mkdtemp(join(tmpdir(), "holdfast-bundle-"));
	try {
		const file = join(folder, "index.js");
		await writeFile(file, code);
		const script = `
try {
	const found = ${JSON.stringify(main)}.split(".").reduce((owner, name) => owner?.[name], require(${JSON.stringify(file)}));
	if (typeof found !== "function") throw new Error("it does not export the function '${main}'");
	process.exit(0);
} catch (error) {
	console.error(error instanceof Error ? error.message : String(error));
	process.exit(1);
}`;
		await new Promise<void>((resolve, reject) => {
			const options = { cwd: folder, env: {}, timeout: loadDeadlineMs, killSignal: "SIGKILL" } as const;
			execFile(process.execPath, ["--input-type=commonjs", "-e", script], options, (error, _stdout, stderr) => {
				if (!error) return resolve();
				const why = error.killed ? `it did not load in ${loadDeadlineMs / 1000} s` : stderr.trim() || error.message;
				reject(new Error(`The bundle of the action ${name} does not work: ${why}`));
			});
		});
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}
