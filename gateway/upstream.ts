import http, { type IncomingHttpHeaders } from "node:http";
import https from "node:https";

export type UpstreamAnswer = { status: number; headers: IncomingHttpHeaders; body: Buffer };

export type UpstreamRequest = {
	method: string;
	/** Below the upstream's base, with the query. It is sent as it is. */
	path: string;
	headers: Record<string, string>;
	body: Buffer | undefined;
};

/** Why there is no answer. `sent`: whether OpenWhisk may have got the request, and so may have carried it out. */
export class UpstreamFailure extends Error {
	override readonly name = "UpstreamFailure";
	readonly kind: "timeout" | "connection";
	readonly sent: boolean;
	constructor(kind: UpstreamFailure["kind"], sent: boolean, cause: Error) {
		super(cause.message, { cause });
		this.kind = kind;
		this.sent = sent;
	}
}

export type Upstream = {
	/** One request, answered within the deadline. Throws `UpstreamFailure`. */
	send(request: UpstreamRequest): Promise<UpstreamAnswer>;
	/** Ends idle connections. */
	close(): void;
};

/** As many as a controller's own limit of concurrent requests; the rest waits here and not there. */
const maxSockets = 256;
/** Idle connections end before OpenWhisk's nginx (75 s) or Node's own servers (5 s) would end them under our feet. */
const idleMs = 4_000;

/** Requests to one OpenWhisk over kept connections. */
export const connectUpstream = (base: string, timeoutMs: number): Upstream => {
	const { protocol, origin, pathname } = new URL(base);
	const client = protocol === "https:" ? https : http;
	const agent = new client.Agent({ keepAlive: true, maxSockets, timeout: idleMs });
	const prefix = pathname.replace(/\/$/, "");

	const once = ({ method, path, headers, body }: UpstreamRequest, deadline: AbortSignal): Promise<UpstreamAnswer> =>
		new Promise((resolve, reject) => {
			const { hostname, port } = new URL(origin);
			const request = client.request({
				...{ agent, hostname: hostname.replace(/^\[|\]$/g, ""), port, method, headers },
				...{ path: `${prefix}${path}`, signal: deadline },
			});
			let connected = false;
			request.on("socket", (socket) => {
				if (!socket.connecting) connected = true;
				else socket.once(protocol === "https:" ? "secureConnect" : "connect", () => (connected = true));
			});
			const fail = (error: Error): void =>
				reject(new UpstreamFailure(deadline.aborted ? "timeout" : "connection", connected, error));
			request.on("error", fail);
			request.on("response", (response) => {
				const chunks: Buffer[] = [];
				response.on("data", (chunk: Buffer) => chunks.push(chunk));
				response.on("error", fail);
				response.on("end", () => {
					resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
				});
			});
			request.end(body);
		});

	const send = async (request: UpstreamRequest): Promise<UpstreamAnswer> => {
		const deadline = AbortSignal.timeout(timeoutMs);
		try {
			return await once(request, deadline);
		} catch (error) {
			// A kept connection that the other side was just closing. What only reads may be sent again.
			if (request.method !== "GET" || (error as UpstreamFailure).kind === "timeout") throw error;
			return once(request, deadline);
		}
	};
	return { send, close: () => agent.destroy() };
};
