import { randomUUID } from "node:crypto";
import { openDatabase } from "#store/connect.ts";
import { answerJson, faultOf } from "./answer.ts";
import { cloudOf } from "./cloud.ts";
import type { Context, Handler } from "./context.ts";
import { jsonLog } from "./log.ts";
import { fireTrigger } from "./nudge.ts";
import { type RawParameters, requestOf } from "./parameters.ts";
import { resultOf, type WebResult } from "./result.ts";
import { readSettings } from "./settings.ts";

type Parameters = Record<string, unknown>;

/** A step that ends before OpenWhisk's own limit can still say what happened. */
const reserveMs = 2_000;
/** The gateway waits a little longer than this. */
const longestHandlerMs = 25_000;
const requestIdForm = /^req-[\w-]{1,80}$/;

export type ActionOptions = {
	/** Names the action in the log. */
	name: string;
	/** Settings without which it cannot work. */
	required: readonly string[];
};

/**
 * Makes an OpenWhisk web action (raw HTTP) of a Fetch-style handler. What it returns never throws and never rejects,
 * because OpenWhisk answers 204 or 400 for an action that does.
 */
export function webAction(handler: Handler, options: ActionOptions): (parameters: unknown) => Promise<WebResult> {
	return async (parameters) => {
		const given = asObject(parameters);
		const headers = asObject(given.__ow_headers);
		const requestId = requestIdOf(headers["x-openstack-request-id"]);
		let context: Context | undefined;
		let response: Response;
		try {
			context = makeContext(given, requestId, options);
			response = await handler(requestOf(given as RawParameters), context);
		} catch (error) {
			response = failure(error, requestId, context, options);
		}
		response.headers.set("x-openstack-request-id", requestId);
		response.headers.set("x-compute-request-id", requestId);
		try {
			return await resultOf(response);
		} catch (error) {
			const answer = failure(error, requestId, context, options);
			return { statusCode: answer.status, headers: { "content-type": "application/json" }, body: await answer.json() };
		}
	};
}

/** Makes a plain OpenWhisk action (called by rules). It answers `{ error }` instead of rejecting. */
export function action(
	handler: (parameters: Parameters, context: Context) => Promise<Record<string, unknown>>,
	options: ActionOptions,
): (parameters: unknown) => Promise<Record<string, unknown>> {
	return async (parameters) => {
		const given = asObject(parameters);
		const requestId = requestIdOf(given.request_id);
		let context: Context | undefined;
		try {
			context = makeContext(given, requestId, options);
			return await handler(given, context);
		} catch (error) {
			failure(error, requestId, context, options);
			return { error: error instanceof Error ? error.message : String(error), request_id: requestId };
		}
	};
}

function makeContext(parameters: Parameters, requestId: string, options: ActionOptions): Context {
	const now = () => new Date();
	const settings = readSettings(parameters, process.env, options.required);
	const log = logFor(requestId, options);
	const leftMs = Number(process.env.__OW_DEADLINE) - reserveMs - Date.now();
	const handlerMs = Math.max(1, Math.min(Number.isNaN(leftMs) ? longestHandlerMs : leftMs, longestHandlerMs));
	const signal = AbortSignal.timeout(handlerMs);
	return {
		requestId,
		signal,
		deadlineMs: Date.now() + handlerMs,
		settings,
		log,
		now,
		newId: randomUUID,
		database: () => openDatabase(settings.MONGODB_URI ?? "", `holdfast-${options.name}`),
		...cloudOf({ settings, requestId, signal }),
		nudge: (runId) => fireTrigger({ runId, environment: process.env, log }),
	};
}

function failure(error: unknown, requestId: string, context: Context | undefined, options: ActionOptions): Response {
	const fault = faultOf(error, requestId);
	const log = context?.log ?? logFor(requestId, options);
	if (fault.status >= 500) log("failed", { code: fault.code, error: fault.cause ?? fault });
	else log("refused", { code: fault.code, status: fault.status, reason: fault.message });
	return answerJson(fault.status, fault.body);
}

function logFor(requestId: string, options: ActionOptions) {
	return jsonLog(
		(line) => console.log(line),
		() => new Date(),
		{ action: options.name, request_id: requestId },
	);
}

function requestIdOf(given: unknown): string {
	return typeof given === "string" && requestIdForm.test(given) ? given : `req-${randomUUID()}`;
}

function asObject(value: unknown): Record<string, unknown> {
	return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
