import type { FastifyReply, FastifyRequest } from "fastify";
import { Fault } from "#schemas/fault.ts";
import { approachOf } from "./call.ts";
import type { Context } from "./context.ts";
import type { Action } from "./document.ts";
import { answerHeaders, upstreamHeaders } from "./headers.ts";
import { bodyLimitBytes } from "./limit.ts";
import { failureFault, platformFault } from "./translate.ts";
import type { UpstreamAnswer } from "./upstream.ts";

/** OpenWhisk refuses more often in a minute than in a second: its windows are one minute long. */
const retryAfterSeconds = "10";

/** Sends the request to its function and the function's answer back. Throws `Fault`. */
export const forward = async (
	context: Context,
	action: Action,
	request: FastifyRequest,
	reply: FastifyReply,
): Promise<FastifyReply> => {
	const { call } = request;
	const { route, path } = call.found as NonNullable<typeof call.found>;
	const body = route.takesBody ? jsonBody(request.body) : undefined;
	const headers = upstreamHeaders(request.headers, {
		approach: approachOf(request),
		ids: call.ids,
		secret: context.secret,
		body,
	});
	const target = `/api/v1/web/${context.namespace}/${action.package}/${action.action}.http`;
	let answer: UpstreamAnswer;
	try {
		answer = await context.upstream.send({
			method: request.method,
			path: `${target}${path}${call.query}`,
			headers,
			body,
		});
	} catch (error) {
		throw failureFault(error, request.method) ?? error;
	}
	const activation = answer.headers["x-openwhisk-activation-id"];
	if (typeof activation === "string") call.activationId = activation;
	const fault = platformFault(answer, bodyLimitBytes, call.ids.local);
	if (fault === undefined) return reply.code(answer.status).headers(answerHeaders(answer.headers)).send(answer.body);
	const said = answer.body.toString("utf8", 0, 300);
	context.log("platform", { request_id: call.ids.local, status: answer.status, activation_id: activation, said });
	if (fault.status === 429) reply.header("retry-after", answer.headers["retry-after"] ?? retryAfterSeconds);
	throw fault;
};

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** The body if it is JSON, whatever its media type says; undefined if there is none. Throws `Fault` MALFORMED_JSON. */
const jsonBody = (body: unknown): Buffer | undefined => {
	if (!Buffer.isBuffer(body) || body.length === 0) return undefined;
	try {
		JSON.parse(utf8.decode(body));
		return body;
	} catch (cause) {
		throw new Fault("MALFORMED_JSON", {}, { cause });
	}
};
