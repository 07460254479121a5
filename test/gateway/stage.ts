import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Gateway, type GatewayOptions, startGateway } from "#gateway/gateway.ts";
import { createSession } from "#openstack/session.ts";
import { type Cloud, startCloud } from "#test/cloud/cloud.ts";
import { type FakeOpenWhisk, fakeOpenWhisk } from "./upstream.ts";

export const secret = "a-secret-of-the-test";

export const serviceUser = {
	OS_USERNAME: "holdfast",
	OS_PASSWORD: "holdfast-secret",
	OS_PROJECT_NAME: "service",
};

export type Stage = {
	cloud: Cloud;
	openwhisk: FakeOpenWhisk;
	gateway: Gateway;
	/** Every log event, oldest first. */
	log: Record<string, unknown>[];
	/** A fresh token of the user `demo`. */
	token(): Promise<string>;
	project: string;
	/** A call to the workloads service below the project, with a token. */
	call(path: string, init?: RequestInit): Promise<Response>;
	close(): Promise<void>;
};

/** A gateway of a test's own, with a real Keystone (the demo cloud's) on one side and a recorded OpenWhisk on the other. */
export const setStage = async (
	options: Partial<GatewayOptions> = {},
	cloudOptions: { tokenLifetimeSeconds?: number } = {},
): Promise<Stage> => {
	const folder = await mkdtemp(join(tmpdir(), "gateway-test-"));
	const cloud = await startCloud({ dataFolder: folder, ...cloudOptions });
	const openwhisk = await fakeOpenWhisk();
	const log: Record<string, unknown>[] = [];
	const gateway = await startGateway({
		listen: { host: "127.0.0.1", port: 0 },
		datamoverListen: { host: "127.0.0.1", port: 0 },
		openwhisk: openwhisk.url,
		namespace: "guest",
		authUrl: cloud.authUrl,
		secret,
		environment: serviceUser,
		log: (event, fields) => log.push({ event, ...fields }),
		...options,
	});
	const token = async (): Promise<string> => {
		const domain = { name: "Default" };
		const session = createSession({
			authUrl: cloud.authUrl,
			auth: {
				...{ method: "password", user: { name: "demo", domain }, password: "demo-secret" },
				project: { name: "demo", domain },
			},
		});
		return (await session.token()).id;
	};
	let kept: string | undefined;
	return {
		...{ cloud, openwhisk, gateway, log, token },
		project: cloud.projectId("demo"),
		call: async (path, init = {}) => {
			kept ??= await token();
			const headers = { "x-auth-token": kept, ...(init.headers as Record<string, string>) };
			return fetch(`${gateway.workloads}/v1/${cloud.projectId("demo")}${path}`, { ...init, headers });
		},
		close: async () => {
			await gateway.close();
			await openwhisk.close();
			await cloud.close();
			await rm(folder, { recursive: true, force: true });
		},
	};
};

/** The one fault of an answer in OpenStack's shape: its name, code and message. */
export const faultIn = async (response: Response): Promise<{ name: string; code: number; message: string }> => {
	const body = (await response.json()) as Record<string, { code: number; message: string }>;
	const [name = "", fault] = Object.entries(body)[0] ?? [];
	return { name, code: fault?.code ?? 0, message: fault?.message ?? "" };
};
