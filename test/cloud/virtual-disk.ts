import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { DiskFormat } from "./qemu.ts";

const hashTimeoutMs = 15 * 60_000;
const readBytes = 1024 * 1024;

/**
 * The sha256 of a whole virtual disk as a guest sees it, holes and backing files included, in hex.
 * Streams: qemu-nbd serves the image read-only to nbdcopy, so nothing is written anywhere.
 * Throws when a tool fails (with what it said) or `timeoutMs` have passed.
 */
export async function sha256OfVirtualDisk(
	path: string,
	format: DiskFormat,
	timeoutMs = hashTimeoutMs,
): Promise<string> {
	const signal = AbortSignal.timeout(timeoutMs);
	const hash = createHash("sha256");
	if (format === "raw") {
		await pipeline(createReadStream(path, { highWaterMark: readBytes }), hash, { signal });
		return hash.digest("hex");
	}
	// Its own process group: nbdcopy starts qemu-nbd, and a timeout has to end both.
	const args = ["--", "[", "qemu-nbd", "--read-only", "--format", format, path, "]", "-"];
	const child = spawn("nbdcopy", args, { stdio: ["ignore", "pipe", "pipe"], detached: true });
	const ended = endOf(child.stderr, child);
	try {
		const [, said] = await Promise.all([pipeline(child.stdout, hash, { signal }), ended]);
		if (said !== undefined) throw new Error(`Reading ${path} failed: ${said}`);
	} catch (error) {
		if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
		throw error;
	}
	return hash.digest("hex");
}

/** Resolves to what a failed child said, and to undefined when it ended well. */
function endOf(stderr: Readable, child: ReturnType<typeof spawn>): Promise<string | undefined> {
	let said = "";
	stderr.setEncoding("utf8").on("data", (text: string) => {
		said = (said + text).slice(-2_000);
	});
	return new Promise((resolve, reject) => {
		child.on("error", reject);
		child.on("close", (code, killed) => resolve(code === 0 ? undefined : said.trim() || `exit ${code ?? killed}`));
	});
}
