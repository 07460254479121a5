import { createHash } from "node:crypto";
import { realpathSync } from "node:fs";
import { createServer } from "node:net";

/**
 * Makes sure that one process at a time uses a data folder, and returns what gives it free again. The lock is an
 * abstract Unix socket (a name in the kernel, not a file; see unix(7)): it goes away with its process however that
 * ends, so there is no stale lock. Throws a sentence when the folder is in use.
 */
export const lockFolder = async (folder: string): Promise<() => Promise<void>> => {
	const name = `\0holdfast-${createHash("sha256").update(realpathSync(folder)).digest("hex")}`;
	const server = createServer((socket) => socket.destroy());
	await new Promise<void>((resolve, reject) => {
		server.once("error", (error: NodeJS.ErrnoException) =>
			reject(
				error.code === "EADDRINUSE"
					? new Error(`${folder} is in use by another Holdfast: stop that one, or give --data another folder.`)
					: error,
			),
		);
		server.listen(name, resolve);
	});
	server.unref();
	return () => new Promise((resolve) => server.close(() => resolve()));
};
