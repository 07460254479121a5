import { isOpenStackError, type OpenStackError } from "#openstack/error.ts";
import { Fault } from "#schemas/fault.ts";
import { InvalidValue } from "#schemas/validate.ts";
import { UnknownMarker } from "#store/page.ts";

export function answerJson(status: number, body: unknown): Response {
	return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json" } });
}

/** T4O's answer to most changes: accepted, nothing to say. */
export function answerEmpty(status: 200 | 202): Response {
	return new Response("", { status });
}

/** The fault that `error` is for the caller; `INTERNAL` for whatever nobody foresaw. */
export function faultOf(error: unknown, requestId: string): Fault {
	if (error instanceof Fault) return error;
	if (error instanceof InvalidValue) return new Fault("BAD_REQUEST", { problem: error.message }, { cause: error });
	if (error instanceof UnknownMarker) {
		return new Fault("BAD_REQUEST", { problem: `marker ${error.message} is not in this list` }, { cause: error });
	}
	if (isOpenStackError(error)) return cloudFault(error, requestId);
	return new Fault("INTERNAL", { request_id: requestId }, { cause: error });
}

function cloudFault(error: OpenStackError, requestId: string): Fault {
	switch (error.kind) {
		case "unauthorized":
			return new Fault("UNAUTHORIZED", {}, { cause: error });
		case "cancelled":
			return new Fault("UPSTREAM_TIMEOUT", {}, { cause: error });
		case "unavailable":
		case "timeout":
		case "over-limit":
		case "bad-answer":
		case "server-error":
			return new Fault("CLOUD_UNAVAILABLE", { service: error.service, reason: error.message }, { cause: error });
		case "bad-request":
		case "forbidden":
		case "not-found":
		case "conflict":
			return new Fault("INTERNAL", { request_id: requestId }, { cause: error });
	}
}
