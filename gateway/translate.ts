import { Fault } from "#schemas/fault.ts";
import type { UpstreamAnswer } from "./upstream.ts";
import { UpstreamFailure } from "./upstream.ts";

const parse = (answer: UpstreamAnswer): unknown => {
	try {
		return JSON.parse(answer.body.toString("utf8"));
	} catch {
		return undefined;
	}
};

const isObject = (value: unknown): value is Record<string, unknown> =>
	typeof value === "object" && value !== null && !Array.isArray(value);

/** `{ error: "…", code: "<transaction>" }`: OpenWhisk's controller speaks, not a function. */
const isPlatformError = (body: unknown): boolean =>
	isObject(body) &&
	typeof body.error === "string" &&
	Object.keys(body).every((key) => key === "error" || key === "code");

/** `{ itemNotFound: { code, message } }`: a function's error, in the shape of schemas/fault.ts. */
const isFunctionFault = (body: unknown): boolean => {
	const values = isObject(body) ? Object.values(body) : [];
	return values.length === 1 && isObject(values[0]) && typeof values[0].message === "string";
};

/**
 * The fault that OpenWhisk's own answer means for our caller; undefined for an answer of a function, which passes as it
 * is. A controller's 401 (our secret is wrong) and 404 (not deployed) are the operator's trouble, never the caller's.
 */
export const platformFault = (answer: UpstreamAnswer, limitBytes: number, requestId: string): Fault | undefined => {
	const { status } = answer;
	if (status === 202) return isPlatformError(parse(answer)) ? new Fault("UPSTREAM_TIMEOUT") : undefined;
	if (status >= 200 && status < 300) return undefined;
	if (status === 304 || (status >= 400 && isFunctionFault(parse(answer)))) return undefined;
	switch (status) {
		case 400: // The function crashed, or its result was no HTTP message.
			return new Fault("INTERNAL", { request_id: requestId });
		case 413:
			return new Fault("BODY_TOO_LARGE", { limit: String(limitBytes) });
		case 429:
			return new Fault("TOO_MANY_REQUESTS");
		case 504:
			return new Fault("UPSTREAM_TIMEOUT");
		default:
			return new Fault("UPSTREAM_UNAVAILABLE");
	}
};

/**
 * The fault for no answer at all. A change that may have reached a function gets 504, whose sentence says to look
 * before repeating; what never left, or only reads, may simply be tried again.
 */
export const failureFault = (error: unknown, method: string): Fault | undefined => {
	if (!(error instanceof UpstreamFailure)) return undefined;
	const unclear = error.kind === "timeout" || (error.sent && method !== "GET");
	return new Fault(unclear ? "UPSTREAM_TIMEOUT" : "UPSTREAM_UNAVAILABLE", {}, { cause: error });
};
