import { setTimeout as sleep } from "node:timers/promises";
import { OpenStackError } from "./error.ts";
import { faultOf } from "./fault.ts";

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export type Transport = {
	fetch: Fetch;
	/** The wall clock: for token expiry and HTTP dates. Deadlines are measured by the monotonic clock. */
	now: () => Date;
	/** Uniform in [0, 1): the jitter of retries. */
	random: () => number;
	/** One call with all its retries ends within this. */
	timeoutMs: number;
	/** One attempt ends within this, so that a hung connection leaves time for another. */
	attemptTimeoutMs: number;
};

export type Call = {
	service: string;
	method: string;
	url: string;
	headers: Record<string, string>;
	/** Sent as JSON; left out when undefined. */
	body?: unknown;
	signal?: AbortSignal | undefined;
};

export type Answer = {
	status: number;
	headers: Headers;
	/** Parsed JSON, or undefined when the body is empty or something else. */
	body: unknown;
	text: string;
	requestId?: string | undefined;
};

const idempotentMethods = new Set(["GET", "HEAD", "PUT", "DELETE", "OPTIONS"]);
/** The request cannot have reached the service: safe to send again whatever the method is. */
const notSentCodes = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "UND_ERR_CONNECT_TIMEOUT"]);
const firstBackoffMs = 200;
const longestBackoffMs = 8_000;

/**
 * Sends one call and answers any 2xx (and 300, which version documents use). Throws {@link OpenStackError} otherwise.
 *
 * Retries until `timeoutMs`: connection errors of idempotent methods, connections that were never made for any method,
 * 429 for any method, 502/503/504 for idempotent methods, and 503 for any method when `Retry-After` says the service
 * did nothing. Never follows redirects: `X-Auth-Token` must not travel to another host.
 */
export async function send(transport: Transport, call: Call): Promise<Answer> {
	const deadline = performance.now() + transport.timeoutMs;
	for (let attempt = 0; ; attempt++) {
		const outcome = await attemptOnce(transport, call, deadline);
		if ("answer" in outcome) return outcome.answer;
		const waitMs = outcome.retryAfterMs ?? backoffMs(attempt, transport.random);
		if (!outcome.retry || performance.now() + waitMs >= deadline) throw outcome.error;
		try {
			await sleep(waitMs, undefined, call.signal ? { signal: call.signal } : {});
		} catch (cause) {
			throw cancelled(call, cause);
		}
	}
}

type Outcome = { answer: Answer } | { error: OpenStackError; retry: boolean; retryAfterMs?: number | undefined };

async function attemptOnce(transport: Transport, call: Call, deadline: number): Promise<Outcome> {
	const remainingMs = deadline - performance.now();
	const timeout = AbortSignal.timeout(Math.max(1, Math.ceil(Math.min(transport.attemptTimeoutMs, remainingMs))));
	const headers: Record<string, string> = { accept: "application/json", ...call.headers };
	if (call.body !== undefined) headers["content-type"] ??= "application/json";
	try {
		const response = await transport.fetch(call.url, {
			method: call.method,
			headers,
			redirect: "manual",
			signal: call.signal ? AbortSignal.any([call.signal, timeout]) : timeout,
			...(call.body !== undefined && { body: JSON.stringify(call.body) }),
		});
		return judge(transport, call, response, await response.text());
	} catch (cause) {
		if (call.signal?.aborted) throw cancelled(call, cause);
		return judgeFailure(call, cause, timeout.aborted);
	}
}

function judge(transport: Transport, call: Call, response: Response, text: string): Outcome {
	const { status, headers } = response;
	const requestId = headers.get("x-openstack-request-id") ?? headers.get("x-compute-request-id") ?? undefined;
	if ((status >= 200 && status < 300) || status === 300) {
		return { answer: { status, headers, body: parse(text), text, requestId } };
	}
	const retryAfterMs = readRetryAfter(headers.get("retry-after"), transport.now());
	const idempotent = idempotentMethods.has(call.method);
	const retry =
		status === 429 ||
		(status === 503 && (idempotent || retryAfterMs !== undefined)) ||
		((status === 502 || status === 504) && idempotent);
	return { error: faultOf({ service: call.service, status, text, requestId }), retry, retryAfterMs };
}

function judgeFailure(call: Call, cause: unknown, timedOut: boolean): Outcome {
	const code = connectionCode(cause);
	const retry = idempotentMethods.has(call.method) || (code !== undefined && notSentCodes.has(code));
	const host = new URL(call.url).host;
	const error = new OpenStackError({
		service: call.service,
		status: 0,
		kind: timedOut ? "timeout" : "unavailable",
		code: timedOut ? "timeout" : code,
		message: timedOut
			? `The ${call.service} service at ${host} did not answer ${call.method} in time.`
			: `The ${call.service} service at ${host} cannot be reached (${code ?? String(cause)}).`,
		cause,
	});
	return { error, retry };
}

/** undici hides the socket's error code one or two causes down. */
function connectionCode(error: unknown): string | undefined {
	for (let cause = error; cause instanceof Error; cause = cause.cause) {
		const { code } = cause as { code?: unknown };
		if (typeof code === "string") return code;
		if (cause instanceof AggregateError && cause.errors.length > 0) return connectionCode(cause.errors[0]);
	}
	return undefined;
}

function cancelled(call: Call, cause: unknown): OpenStackError {
	const message = `The call ${call.method} to the ${call.service} service was cancelled.`;
	return new OpenStackError({ service: call.service, status: 0, kind: "cancelled", message, cause });
}

/** Full jitter, so that many callers whom one outage stopped do not come back at once. */
function backoffMs(attempt: number, random: () => number): number {
	const ceiling = Math.min(longestBackoffMs, firstBackoffMs * 2 ** attempt);
	return Math.ceil(ceiling * (0.5 + random() / 2));
}

/** `Retry-After` is seconds or an HTTP date (RFC 9110, 10.2.3). */
function readRetryAfter(value: string | null, now: Date): number | undefined {
	if (value === null) return undefined;
	if (/^\d+$/.test(value.trim())) return Number(value) * 1000;
	const date = Date.parse(value);
	return Number.isNaN(date) ? undefined : Math.max(0, date - now.getTime());
}

function parse(text: string): unknown {
	if (text === "") return undefined;
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}
