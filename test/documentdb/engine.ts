import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client, type ClientConfig } from "pg";

export type Engine = {
	/** How to connect to its `postgres` database. */
	client: ClientConfig;
	/** Ends the server and removes its data. Safe to repeat. */
	stop(): Promise<void>;
};

const binaries = "/usr/lib/postgresql/18/bin";
const startLimitMs = 120_000;

/**
 * Starts PostgreSQL with the DocumentDB extension from the folder that `install.sh` filled, on a free port of the
 * loopback, with fresh data. The extension connects to its own server over TCP, so a socket alone would not do.
 */
export async function startEngine(root: string): Promise<Engine> {
	mkdirSync(join(root, "var/tmp"), { recursive: true });
	const folder = mkdtempSync(join(root, "var/tmp/holdfast-"));
	const data = `${folder.slice(root.length)}/data`;
	chmodSync(folder, 0o755);
	inside(root, "root", ["install", "--directory", "--owner=postgres", data]);
	inside(root, "postgres", [
		`${binaries}/initdb`,
		"-D",
		data,
		"-A",
		"trust",
		"-U",
		"postgres",
		"-E",
		"UTF8",
		"--locale=C",
	]);
	const port = await freePort();
	writeFileSync(join(root, data, "postgresql.auto.conf"), settings(port));
	const server = spawn("chroot", [`--userspec=postgres:postgres`, root, `${binaries}/postgres`, "-D", data], {
		stdio: ["ignore", "ignore", process.env.DEBUG === undefined ? "ignore" : "inherit"],
	});
	const killWithUs = () => server.kill("SIGQUIT");
	process.once("exit", killWithUs);
	const client = { host: "127.0.0.1", port, user: "postgres", database: "postgres" };
	const stop = async (): Promise<void> => {
		process.off("exit", killWithUs);
		await end(server);
		rmSync(folder, { recursive: true, force: true });
	};
	try {
		await createExtension(client, server);
		return { client, stop };
	} catch (error) {
		await stop();
		throw error;
	}
}

const settings = (port: number): string => `
shared_preload_libraries = 'pg_cron,pg_documentdb_core,pg_documentdb'
cron.database_name = 'postgres'
listen_addresses = '127.0.0.1'
port = ${port}
unix_socket_directories = ''
# There is no /dev/shm in the folder.
dynamic_shared_memory_type = mmap
max_connections = 200
fsync = off
`;

function inside(root: string, user: string, command: string[]): void {
	execFileSync("chroot", [`--userspec=${user}`, root, ...command], { stdio: ["ignore", "ignore", "inherit"] });
}

async function freePort(): Promise<number> {
	const probe = createServer().listen(0, "127.0.0.1");
	await once(probe, "listening");
	const { port } = probe.address() as { port: number };
	probe.close();
	await once(probe, "close");
	return port;
}

async function createExtension(config: ClientConfig, server: ChildProcess): Promise<void> {
	const lastAt = Date.now() + startLimitMs;
	while (true) {
		if (server.exitCode !== null) throw new Error("PostgreSQL ended at its start; run with DEBUG=1 to see why.");
		const client = new Client(config);
		try {
			await client.connect();
			await client.query("create extension if not exists documentdb cascade");
			return;
		} catch (error) {
			if (Date.now() > lastAt) throw error;
			await sleep(200);
		} finally {
			await client.end().catch(() => {});
		}
	}
}

async function end(server: ChildProcess): Promise<void> {
	if (server.exitCode !== null || server.signalCode !== null) return;
	const ended = once(server, "exit");
	server.kill("SIGINT");
	await ended;
}
