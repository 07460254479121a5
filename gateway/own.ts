import type { FastifyReply, FastifyRequest } from "fastify";
import { approachOf } from "./call.ts";
import type { Context } from "./context.ts";
import type { ServiceName } from "./service.ts";
import { versionOf } from "./version.ts";

type Answer = (
	context: Context,
	service: ServiceName,
	request: FastifyRequest,
	reply: FastifyReply,
) => Promise<unknown>;

const originOf = (request: FastifyRequest): string => {
	const { protocol, host } = approachOf(request);
	return `${protocol}://${host}`;
};

const showVersion: Answer = async (_context, service, request) => ({ version: versionOf(service, originOf(request)) });

/** The operations that the gateway answers itself, by the document's `operationId`. */
export const ownAnswers: Record<string, Answer> = {
	listVersions: async (_context, service, request) => ({ versions: [versionOf(service, originOf(request))] }),
	showVersion1: showVersion,
	showVersion2: showVersion,
	checkHealth: async (context, _service, _request, reply) => {
		const reasons = await context.checkHealth();
		reply
			.code(reasons.length === 0 ? 200 : 503)
			.type("text/plain; charset=utf-8")
			.header("cache-control", "no-store");
		return reasons.length === 0 ? "OK\n" : `${reasons.join("\n")}\n`;
	},
};
