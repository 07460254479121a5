import { type ChildProcess, spawn } from "node:child_process";
import { link, mkdtemp, open, rename, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { startNbdServer } from "#nbd/server/server.ts";
import type { DiskReader } from "#vault/vault.ts";
import { exitCodes, Failure } from "../failure.ts";
import { newChunkCache, servedDisk } from "./served-disk.ts";
import { uriOf } from "./uri.ts";

type Conversion = {
	file: string;
	/** Replace what is there. */
	force: boolean;
	compress: boolean;
};

const cacheBytes = 32 * 1024 * 1024;
const maxErrorCharacters = 2000;

/**
 * `qemu-img` reads the disk from an NBD server of ours and writes the image beside its place; it gets its name when it is
 * complete and durable. Returns its size on disk in bytes. Throws a sentence, and leaves nothing behind.
 */
export const convertToQcow2 = async (disk: DiskReader, { file, force, compress }: Conversion): Promise<number> => {
	const folder = await mkdtemp(join(tmpdir(), "holdfast-export-"));
	const part = join(dirname(file), `.${basename(file)}.${process.pid}.part`);
	const cache = newChunkCache(Math.ceil(cacheBytes / disk.chunkBytes));
	const served = servedDisk(disk, { cache, key: "" });
	const server = await startNbdServer({
		address: { path: join(folder, "nbd") },
		exports: { async *names() {}, open: async (name) => (name === "" ? served : undefined) },
	});
	try {
		const options = compress ? ["-c", "-o", "compression_type=zstd"] : [];
		await runToEnd("qemu-img", [
			...["convert", "-f", "raw", "-O", "qcow2", ...options],
			...["-m", "16", "-W", uriOf(server.address, ""), part],
		]);
		const handle = await open(part, "r+");
		await handle.sync().finally(() => handle.close());
		await (force ? rename(part, file) : link(part, file)).catch((cause: NodeJS.ErrnoException) => {
			const why =
				cause.code === "EEXIST" ? "is there already; --force replaces it" : `cannot be made: ${cause.message}`;
			throw new Failure(`${file} ${why}.`, undefined, { cause });
		});
		return (await stat(file)).blocks * 512;
	} finally {
		await server.close();
		await rm(part, { force: true });
		await rm(folder, { recursive: true, force: true });
	}
};

/** No deadline: it is at work as long as its reads are answered, and they come from this process. */
const runToEnd = (command: string, args: string[]): Promise<void> =>
	new Promise((resolve, reject) => {
		const child: ChildProcess = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] });
		let said = "";
		let interrupted = false;
		const interrupt = (): void => {
			interrupted = true;
			child.kill("SIGTERM");
		};
		for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, interrupt);
		child.stderr?.setEncoding("utf8").on("data", (text: string) => {
			said = (said + text).slice(-maxErrorCharacters);
		});
		const settle = (failure: Failure | undefined): void => {
			for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, interrupt);
			if (interrupted) reject(new Failure("Interrupted; nothing was kept.", exitCodes.interrupted));
			else if (failure) reject(failure);
			else resolve();
		};
		child.once("error", (cause: NodeJS.ErrnoException) => {
			const hint = cause.code === "ENOENT" ? "install it (Debian: apt-get install qemu-utils)" : cause.message;
			settle(new Failure(`${command} cannot be started: ${hint}.`, undefined, { cause }));
		});
		child.once("close", (code) => {
			const reason = said.trim().replaceAll(/\s+/g, " ");
			settle(code === 0 ? undefined : new Failure(`${command} could not make the image: ${reason}`));
		});
	});
