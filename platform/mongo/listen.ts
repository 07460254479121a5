import { lstatSync, unlinkSync } from "node:fs";
import { type AddressInfo, connect, type Server } from "node:net";

export type ListenAddress = { socketPath: string } | { port: number; host?: string };

/** Longest Unix socket path that all supported systems take (macOS: 104 with its final NUL, Linux: 108). */
const maxSocketPathBytes = 103;
const probeMs = 2000;
const loopbackHosts = ["127.0.0.1", "::1", "localhost"];

/** @throws Error with a sentence for an address that cannot or must not be served */
export function checkAddress(address: ListenAddress): void {
	if ("socketPath" in address) {
		const bytes = Buffer.byteLength(address.socketPath);
		if (bytes === 0) throw new Error("The socket path is empty; name a file for the socket.");
		if (bytes > maxSocketPathBytes)
			throw new Error(
				`The socket path is ${bytes} bytes long and the system allows ${maxSocketPathBytes}; choose a shorter one.`,
			);
		if (!address.socketPath.endsWith(".sock"))
			throw new Error(`MongoDB drivers find a socket by its ending; let ${address.socketPath} end in .sock.`);
		return;
	}
	const { port, host = "127.0.0.1" } = address;
	if (!Number.isInteger(port) || port < 0 || port > 65535)
		throw new Error(`The port must be a whole number from 0 to 65535, not ${port}.`);
	if (!loopbackHosts.includes(host))
		throw new Error(
			`The document store has no passwords and listens on this machine only; ${host} is not a loopback address.`,
		);
}

/** Resolves to true when something answers on a Unix socket. */
function isServed(socketPath: string): Promise<boolean> {
	return new Promise((resolve) => {
		const probe = connect(socketPath);
		const done = (served: boolean) => {
			probe.destroy();
			resolve(served);
		};
		probe.setTimeout(probeMs, () => done(true)); // busy, but there
		probe.once("connect", () => done(true));
		probe.once("error", () => done(false));
	});
}

/** A killed server leaves its socket file; only such a one is removed. */
async function clearStaleSocket(socketPath: string): Promise<void> {
	const found = lstatSync(socketPath, { throwIfNoEntry: false });
	if (!found) return;
	if (!found.isSocket()) throw new Error(`${socketPath} exists and is not a socket; choose another path.`);
	if (await isServed(socketPath))
		throw new Error(`Another process serves the socket ${socketPath}; choose another path.`);
	unlinkSync(socketPath);
}

/**
 * Starts listening and returns the connection string. A Unix socket is created with mode 0600 from its first moment.
 * @throws Error when the address is taken or not permitted
 */
export async function listenOn(server: Server, address: ListenAddress): Promise<string> {
	if ("socketPath" in address) await clearStaleSocket(address.socketPath);
	await new Promise<void>((resolve, reject) => {
		server.once("error", reject);
		server.once("listening", resolve);
		if ("port" in address) return void server.listen({ port: address.port, host: address.host ?? "127.0.0.1" });
		const umask = process.umask(0o177); // the socket is bound within listen(), before it returns
		try {
			server.listen({ path: address.socketPath });
		} finally {
			process.umask(umask);
		}
	});
	if ("socketPath" in address) return uriOf(encodeURIComponent(address.socketPath));
	const { address: host, port } = server.address() as AddressInfo;
	return uriOf(`${host.includes(":") ? `[${host}]` : host}:${port}`);
}

const uriOf = (host: string) => `mongodb://${host}/?directConnection=true`;
