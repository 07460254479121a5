import { once } from "node:events";
import { resolve } from "node:path";
import type { Command } from "commander";
import type { NbdAddress } from "#nbd/stream.ts";
import type { Cli } from "../cli.ts";
import { Failure, usage } from "../failure.ts";
import { textOf } from "../output/text.ts";
import { type PlaceOptions, withPlace, withVault } from "./place.ts";
import { uriOf } from "./uri.ts";

type Options = PlaceOptions & { socket?: string; port?: string; clients: string };

/** A socket's path has at most so many bytes (`sun_path`, with its closing zero). */
const maxSocketPathBytes = 107;
const mostClients = 256;

/** `holdfast vault serve` */
export const vaultServe = (cli: Cli, parent: Command): void => {
	withPlace(parent.command("serve"))
		.argument("[snapshot]", "only this one's disks; default: all there are, and all that come")
		.summary("give disks of snapshots to NBD clients, read-only")
		.description(
			"Serves disks as NBD exports named SNAPSHOT/INSTANCE/DISK until it is interrupted: to look into a backup, to copy from it, or to boot from it, with nothing restored. Prints the address of each disk, then waits. Who can reach the socket can read the disks.",
		)
		.option("--socket <file>", "listen on this Unix socket; only its owner can connect")
		.option("--port <number>", "listen on 127.0.0.1 instead, for everybody on this host; 0 takes a free one")
		.option("--clients <number>", "connections at a time", "16")
		.addHelpText(
			"after",
			"\nExample:\n  holdfast vault serve --target /mnt/backup --key-file vault.key --socket /run/vault.sock SNAPSHOT\n  qemu-img convert 'nbd+unix:///?socket=/run/vault.sock' -O qcow2 disk.qcow2",
		)
		.action((snapshotId: string | undefined, options: Options) => {
			const address = addressOf(options);
			const clients = wholeNumber("--clients", options.clients, 1, mostClients);
			return withVault(cli, options, async (vault) => {
				const [{ startNbdServer }, { vaultExports }] = await Promise.all([
					import("#nbd/server/server.ts"),
					import("./exports.ts"),
				]);
				// From here on a signal ends it in order, so that it leaves no session behind.
				const interrupted = Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
				// Kept from collections as long as somebody may read.
				const reading = await vault.reading();
				try {
					if (snapshotId !== undefined) await vault.readRoot(snapshotId);
					const exports = vaultExports(vault, snapshotId);
					const onError = (error: unknown): void =>
						void cli.stderr.write(`A connection ended: ${textOf(error instanceof Error ? error.message : error)}\n`);
					const server = await startNbdServer({ address, exports, mostClients: clients, onError }).catch((cause) => {
						throw new Failure(cause.message, undefined, { cause });
					});
					try {
						for await (const name of exports.names()) cli.stdout.write(`${uriOf(server.address, name)}\n`);
						cli.stderr.write("Serving; interrupt to end.\n");
						await interrupted;
					} finally {
						await server.close();
					}
				} finally {
					await reading.end();
				}
			});
		});
};

const addressOf = ({ socket, port }: Options): NbdAddress => {
	if ((socket === undefined) === (port === undefined))
		throw usage("Say where to listen: --socket FILE or --port NUMBER.");
	if (socket === undefined) return { host: "127.0.0.1", port: wholeNumber("--port", port ?? "", 0, 65_535) };
	const path = resolve(socket);
	if (Buffer.byteLength(path) <= maxSocketPathBytes) return { path };
	throw usage(`--socket ${path} is too long: a socket's path has at most ${maxSocketPathBytes} bytes.`);
};

const wholeNumber = (option: string, text: string, least: number, most: number): number => {
	const value = Number(text);
	if (/^\d{1,6}$/.test(text) && value >= least && value <= most) return value;
	throw usage(`${option} must be a number from ${least} to ${most}, not ${text}.`);
};
