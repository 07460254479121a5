import { createHash } from "node:crypto";
import { realpathSync } from "node:fs";
import { createServer } from "node:net";

/**
 * Makes sure that one agent at a time uses a state folder. The lock is an abstract Unix socket (a name in the kernel,
 * see unix(7)): it goes away with its process however that ends, so there is no stale lock. Returns what gives it free.
 */
export const lockState = async (statePath: string): Promise<() => Promise<void>> => {
	const name = `\0holdfast-agent-${createHash("sha256").update(realpathSync(statePath)).digest("hex")}`;
	const server = createServer((socket) => socket.destroy());
	await new Promise<void>((resolve, reject) => {
		server.once("error", (error: NodeJS.ErrnoException) =>
			reject(
				error.code === "EADDRINUSE"
					? new Error(`${statePath} is in use by another agent: stop that one, or give this one another state_path.`)
					: error,
			),
		);
		server.listen(name, resolve);
	});
	server.unref();
	return () => new Promise((resolve) => server.close(() => resolve()));
};
