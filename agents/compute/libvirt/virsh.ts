import { execFile } from "node:child_process";
import { AgentError } from "../errors.ts";

/** Runs one command of libvirt's client. Throws `VirshFailure`, and LIBVIRT_FAILED where it cannot be run at all. */
export type Virsh = (args: readonly string[], options?: { deadlineMs?: number }) => Promise<string>;

/** libvirt refused, in its own words. */
export class VirshFailure extends Error {
	override readonly name = "VirshFailure";
}

const defaultDeadlineMs = 30_000;
const mostOutputBytes = 16 * 1024 * 1024;

/** `virsh` and no binding: nothing native is loaded into a process that runs as root. */
export const newVirsh =
	(uri: string): Virsh =>
	(args, { deadlineMs = defaultDeadlineMs } = {}) =>
		new Promise((resolve, reject) => {
			const options = {
				timeout: deadlineMs,
				killSignal: "SIGKILL" as const,
				maxBuffer: mostOutputBytes,
				// Its words are read.
				env: { ...process.env, LC_ALL: "C" },
			};
			execFile("virsh", ["--quiet", "--connect", uri, ...args], options, (error, stdout, stderr) => {
				if (error === null) return resolve(stdout);
				if (error.code === "ENOENT") {
					return reject(new AgentError("LIBVIRT_FAILED", { reason: "virsh is not installed (libvirt-clients)" }));
				}
				if (error.killed) {
					const reason = `virsh ${args[0]} did not end within ${deadlineMs / 1000} s`;
					return reject(new AgentError("LIBVIRT_FAILED", { reason }));
				}
				reject(
					new VirshFailure(
						stderr
							.trim()
							.replace(/^error: /gm, "")
							.replace(/\s+/g, " ") || error.message,
					),
				);
			});
		});
