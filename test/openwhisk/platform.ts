import { randomUUID } from "node:crypto";
import openwhisk from "openwhisk";
import type { OpenWhiskOptions } from "#platform/openwhisk/options.ts";
import { type OpenWhisk, startOpenWhisk } from "#platform/openwhisk/server.ts";
import type { Json } from "./proxy.ts";

export type TestPlatform = OpenWhisk & {
	auth: string;
	client: openwhisk.Client;
	/** REST call with the key; the body, if any, as JSON. */
	rest(method: string, path: string, body?: unknown): Promise<{ status: number; body: Json; headers: Headers }>;
};

/** A platform of its own for one test file, on a free port, with a real client and real action processes. */
export async function testPlatform(options: Partial<OpenWhiskOptions> = {}): Promise<TestPlatform> {
	const auth = options.auth ?? `${randomUUID()}:secret`;
	const platform = await startOpenWhisk({ port: 0, storeUri: "memory:", auth, log: () => {}, ...options });
	return {
		...platform,
		auth,
		client: openwhisk({ apihost: platform.apihost, api_key: auth, namespace: "guest" }),
		async rest(method, path, body) {
			const response = await fetch(`${platform.apihost}/api/v1/namespaces/_/${path}`, {
				method,
				headers: { authorization: `Basic ${Buffer.from(auth).toString("base64")}` },
				...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
			});
			const text = await response.text();
			return { status: response.status, body: text === "" ? undefined : JSON.parse(text), headers: response.headers };
		},
	};
}

/** Polls until the activation has finished. */
export async function finished(platform: TestPlatform, activationId: string, waitMs = 8_000): Promise<Json> {
	for (let waitedMs = 0; waitedMs < waitMs; waitedMs += 50) {
		const { status, body } = await platform.rest("GET", `activations/${activationId}`);
		if (status === 200) return body;
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
	throw new Error(`activation ${activationId} did not finish in ${waitMs} ms`);
}
