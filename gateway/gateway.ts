import { randomUUID } from "node:crypto";
import type { AddressInfo } from "node:net";
import type { Context } from "./context.ts";
import { readDocument } from "./document.ts";
import { createHealthCheck } from "./health.ts";
import { serviceSession } from "./identity.ts";
import { jsonLog, type Log } from "./log.ts";
import type { Address } from "./options.ts";
import { ownAnswers } from "./own.ts";
import { compileRoutes } from "./route.ts";
import { createServer } from "./server.ts";
import { type ServiceName, serves } from "./service.ts";
import { createTokenCheck } from "./token.ts";
import { connectUpstream } from "./upstream.ts";

export type GatewayOptions = {
	listen: Address;
	datamoverListen: Address;
	/** OpenWhisk's API host, `http://…`. */
	openwhisk: string;
	namespace: string;
	/** Keystone, with or without `/v3`. */
	authUrl: string;
	secret: string;
	/** `OS_*` of the service user that asks Keystone about tokens. */
	environment: Record<string, string | undefined>;
	disableFile?: string | undefined;
	trustForwarded?: boolean;
	/** Longer than OpenWhisk's own wait for an activation (60 s). Default 75 000. */
	upstreamTimeoutMs?: number;
	now?: () => Date;
	newId?: () => string;
	log?: Log;
};

export type Gateway = {
	/** `http://127.0.0.1:8780`, without a path. */
	workloads: string;
	datamover: string;
	/** Takes no new connections, ends requests under way, then resolves. Safe to call twice. */
	close(): Promise<void>;
};

const defaultUpstreamTimeoutMs = 75_000;

/**
 * Starts the gateway: one server for `workloads`, one for `datamover`, with the routes of `gateway/openapi.yaml`.
 * Throws a sentence for a port that is taken, an environment that lacks the service user, or a document with a route
 * that nobody answers.
 */
export const startGateway = async (options: GatewayOptions): Promise<Gateway> => {
	const now = options.now ?? (() => new Date());
	const upstream = connectUpstream(options.openwhisk, options.upstreamTimeoutMs ?? defaultUpstreamTimeoutMs);
	const { openwhisk, namespace, secret, authUrl, disableFile, environment } = options;
	const context: Context = {
		...{ upstream, namespace, secret, authUrl, now },
		checkToken: createTokenCheck(serviceSession(authUrl, environment, now), now),
		checkHealth: createHealthCheck({ openwhisk, authUrl, disableFile, monotonicMs: () => performance.now() }),
		trustForwarded: options.trustForwarded ?? false,
		newId: options.newId ?? randomUUID,
		log: options.log ?? jsonLog((line) => process.stderr.write(line), now),
	};
	const routes = compileRoutes(readDocument());
	for (const route of routes.flatMap((entry) => [...entry.routes.values()])) {
		if (route.action || ownAnswers[route.operationId]) continue;
		throw new Error(`gateway/openapi.yaml says nothing about who answers ${route.method} ${route.path}.`);
	}
	const serverOf = (name: ServiceName) =>
		createServer(
			name,
			routes.filter(({ path }) => serves(name, path)),
			context,
		);
	const servers = { workloads: serverOf("workloads"), datamover: serverOf("datamover") };
	let closing: Promise<void> | undefined;
	const close = (): Promise<void> => {
		closing ??= Promise.all([servers.workloads.close(), servers.datamover.close()]).then(() => upstream.close());
		return closing;
	};
	try {
		const workloads = await listen(servers.workloads, options.listen);
		const datamover = await listen(servers.datamover, options.datamoverListen);
		return { workloads, datamover, close };
	} catch (error) {
		await close();
		throw error;
	}
};

const listen = async (server: ReturnType<typeof createServer>, { host, port }: Address): Promise<string> => {
	try {
		await server.listen({ host, port });
	} catch (error) {
		throw new Error(`The gateway cannot listen on ${host}:${port}: ${(error as Error).message}`, { cause: error });
	}
	const { port: taken } = server.server.address() as AddressInfo;
	return `http://${host.includes(":") ? `[${host}]` : host}:${taken}`;
};
