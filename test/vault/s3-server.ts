import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import S3rver from "s3rver";
import type { S3TargetOptions } from "#vault/targets/s3.ts";

export type S3Server = { options: S3TargetOptions; stop: () => Promise<void> };

/**
 * A store that speaks S3 on the loopback: the npm package s3rver, with its objects in a folder. Nobody's production store,
 * but not ours either. It knows no conditional put.
 */
export async function startS3(): Promise<S3Server> {
	const directory = await mkdtemp(join(tmpdir(), "holdfast-s3-"));
	const server = new S3rver({
		address: "127.0.0.1",
		port: 0,
		silent: true,
		directory,
		configureBuckets: [{ name: "backups", configs: [] }],
	});
	const { port } = await server.run();
	return {
		options: {
			bucket: "backups",
			endpoint: `http://127.0.0.1:${port}`,
			credentials: { accessKeyId: "S3RVER", secretAccessKey: "S3RVER" },
		},
		stop: async () => {
			await server.close();
			await rm(directory, { recursive: true, force: true });
		},
	};
}

/** The store named in HOLDFAST_TEST_S3 (`http://key:secret@host:port/bucket`), or undefined. */
export function namedS3(): S3TargetOptions | undefined {
	if (process.env.HOLDFAST_TEST_S3 === undefined) return undefined;
	const { origin, protocol, host, username, password, pathname } = new URL(process.env.HOLDFAST_TEST_S3);
	return {
		bucket: pathname.slice(1),
		endpoint: username === "" ? origin : `${protocol}//${host}`,
		credentials: { accessKeyId: decodeURIComponent(username), secretAccessKey: decodeURIComponent(password) },
	};
}

/** What happens to a request on its way: `pass`, an answer of the proxy's own, or the end of the connection. */
export type Weather = "pass" | "refuse" | "busy" | "reset" | "cut" | "lost";
export type Rain = { endpoint: string; calls: () => number; stop: () => Promise<void> };

/** A proxy before a store, where it rains: 500s, 503s, resets, bodies that end in the middle, replies that get lost. */
export async function startRain(endpoint: string, weather: (request: IncomingMessage) => Weather): Promise<Rain> {
	const upstream = new URL(endpoint);
	let calls = 0;
	const server: Server = createServer((inbound, outbound) => {
		calls++;
		const what = weather(inbound);
		if (what === "reset") return void inbound.socket.destroy();
		if (what === "refuse" || what === "busy") {
			inbound.resume();
			outbound.writeHead(what === "refuse" ? 500 : 503, { "content-type": "application/xml" });
			return void outbound.end(`<Error><Code>${what === "refuse" ? "InternalError" : "SlowDown"}</Code></Error>`);
		}
		forward(inbound, outbound, upstream, what);
	}).listen(0, "127.0.0.1");
	await once(server, "listening");
	return {
		endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
		calls: () => calls,
		stop: async () => {
			server.closeAllConnections();
			server.close();
			await once(server, "close");
		},
	};
}

function forward(inbound: IncomingMessage, outbound: ServerResponse, upstream: URL, what: Weather): void {
	const { method, url, headers } = inbound;
	const further = request({ host: upstream.hostname, port: upstream.port, method, path: url, headers }, (answer) => {
		if (what === "lost") {
			answer.resume();
			answer.on("end", () => inbound.socket.destroy());
			return;
		}
		outbound.writeHead(answer.statusCode ?? 500, answer.headers);
		if (what !== "cut") return void answer.pipe(outbound);
		answer.once("data", (chunk: Buffer) => {
			outbound.write(chunk.subarray(0, chunk.length >> 1));
			setImmediate(() => inbound.socket.destroy());
		});
		answer.on("end", () => outbound.end());
	});
	further.on("error", () => outbound.destroy());
	inbound.pipe(further);
}
