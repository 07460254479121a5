import http, { type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type Arrived = { method: string; url: string; headers: IncomingHttpHeaders; body: string };

export type FakeOpenWhisk = {
	url: string;
	/** Web action requests, in the order they came. */
	arrived: Arrived[];
	/** How the next requests are answered. */
	answer: (arrived: Arrived, response: ServerResponse) => void;
	close(): Promise<void>;
};

export const json = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}) => {
	response.writeHead(status, { "content-type": "application/json", "x-openwhisk-activation-id": "a1b2", ...headers });
	response.end(JSON.stringify(body));
};

/** The place of OpenWhisk's web action endpoint: records what arrives, answers what the test says. */
export const fakeOpenWhisk = async (): Promise<FakeOpenWhisk> => {
	const server = http.createServer(async (request, response) => {
		let body = "";
		for await (const chunk of request) body += chunk;
		const { method = "", url = "", headers } = request;
		if (url === "/api/v1") return json(response, 200, { description: "OpenWhisk API" });
		const arrived = { method, url, headers, body };
		fake.arrived.push(arrived);
		fake.answer(arrived, response);
	});
	await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
	const fake: FakeOpenWhisk = {
		url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
		arrived: [],
		answer: (_arrived, response) => json(response, 200, { workloads: [] }),
		close: () =>
			new Promise((closed) => {
				server.close(() => closed());
				server.closeAllConnections();
			}),
	};
	return fake;
};
