import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type Seen = { method: string; path: string; headers: IncomingMessage["headers"]; at: number };

/** What the proxy does to a request instead of passing it on: an answer, a cut connection, or silence. */
export type Trouble = { status: number; headers?: Record<string, string>; body?: string } | "cut" | "hang";

export type FaultyProxy = {
	url: string;
	seen: Seen[];
	/** The next requests meet these, in order; then the proxy passes everything on again. */
	trouble: (...troubles: Trouble[]) => void;
	close: () => Promise<void>;
};

/** A real HTTP proxy in front of a cloud that can misbehave as load balancers and dying services do. */
export async function startProxy(upstream: string): Promise<FaultyProxy> {
	const seen: Seen[] = [];
	const pending: Trouble[] = [];
	const server = createServer((request, response) => {
		seen.push({
			method: request.method ?? "",
			path: request.url ?? "",
			headers: request.headers,
			at: performance.now(),
		});
		const trouble = pending.shift();
		if (trouble === "cut") return void request.socket.destroy();
		if (trouble === "hang") return;
		if (trouble !== undefined) {
			response.writeHead(trouble.status, trouble.headers).end(trouble.body ?? "");
			return;
		}
		forward(upstream, request, response).catch(() => request.socket.destroy());
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	return {
		url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
		seen,
		trouble: (...troubles) => void pending.push(...troubles),
		close: () =>
			new Promise((resolve) => {
				server.close(() => resolve());
				server.closeAllConnections();
			}),
	};
}

async function forward(upstream: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
	const chunks: Buffer[] = [];
	for await (const chunk of request) chunks.push(chunk);
	const { host: _, connection: __, "content-length": ___, ...headers } = request.headers;
	const answer = await fetch(`${upstream}${request.url}`, {
		method: request.method ?? "GET",
		headers: headers as Record<string, string>,
		redirect: "manual",
		...(chunks.length > 0 && { body: Buffer.concat(chunks) }),
	});
	const passed = [...answer.headers].filter(
		([name]) => !/^(content-length|transfer-encoding|connection|keep-alive)$/.test(name),
	);
	response.writeHead(answer.status, Object.fromEntries(passed)).end(Buffer.from(await answer.arrayBuffer()));
}
