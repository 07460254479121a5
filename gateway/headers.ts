import type { IncomingHttpHeaders } from "node:http";
import type { RequestIds } from "./request-id.ts";
import { transactionIdOf } from "./request-id.ts";

/**
 * The only headers of a caller that reach a function. All others stay here: those of the connection, credentials of
 * OpenWhisk, and whatever claims an identity (`X-Project-Id`, `X-Roles`, …), under its known and its future names.
 */
const forwarded = [
	"accept",
	"accept-language",
	"if-match",
	"if-none-match",
	"openstack-api-version",
	"traceparent",
	"tracestate",
	"user-agent",
	"x-auth-project-id",
	"x-auth-token",
	"x-service-token",
] as const;

/** How the caller reached us. */
export type Approach = { protocol: string; host: string; address: string; url: string };

/** The headers of the request to OpenWhisk. The body, if any, has been found to be JSON. */
export const upstreamHeaders = (
	inbound: IncomingHttpHeaders,
	about: { approach: Approach; ids: RequestIds; secret: string; body: Buffer | undefined },
): Record<string, string> => {
	const headers: Record<string, string> = {};
	for (const name of forwarded) {
		const value = inbound[name];
		if (typeof value === "string") headers[name] = value;
	}
	const { approach, ids, secret, body } = about;
	headers["x-forwarded-for"] = approach.address;
	headers["x-forwarded-host"] = approach.host;
	headers["x-forwarded-proto"] = approach.protocol;
	headers["x-forwarded-url"] = `${approach.protocol}://${approach.host}${approach.url}`;
	headers["x-openstack-request-id"] = ids.local;
	if (ids.global !== undefined) headers["x-openstack-global-request-id"] = ids.global;
	headers["x-request-id"] = transactionIdOf(ids);
	headers["x-require-whisk-auth"] = secret;
	if (body !== undefined) {
		headers["content-type"] = "application/json";
		headers["content-length"] = String(body.length);
	}
	return headers;
};

/** Of OpenWhisk's answer: what describes its connection, itself, or was made by its controller and not by a function. */
const keptBack =
	/^(connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|content-length|date|server|via|x-request-id|x-openwhisk-.*|access-control-.*|www-authenticate|set-cookie|x-openstack-request-id|x-compute-request-id)$/;

export const answerHeaders = (upstream: IncomingHttpHeaders): Record<string, string | string[]> =>
	Object.fromEntries(
		Object.entries(upstream).filter((pair): pair is [string, string | string[]] => {
			return pair[1] !== undefined && !keptBack.test(pair[0]);
		}),
	);
