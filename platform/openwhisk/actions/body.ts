import { refuse } from "../api/errors.ts";
import { type KeyValue, readKeyValues } from "../api/parameters.ts";
import { isObject } from "../api/request.ts";
import type { ActionLimits } from "../state/entity.ts";

/** The kinds of Apache OpenWhisk's runtimes.json; all of them run on the one Node of this platform. */
export const kinds = ["nodejs:18", "nodejs:20"] as const;
export const defaultKind = "nodejs:20";

/** Standard value, least and greatest of each limit (application.conf of Apache OpenWhisk). */
const limitRanges = {
	timeout: { standard: 60_000, min: 100, max: 300_000, unit: "milliseconds" },
	memory: { standard: 256, min: 128, max: 512, unit: "MB" },
	logs: { standard: 10, min: 0, max: 10, unit: "MB" },
	concurrency: { standard: 1, min: 1, max: 1, unit: "activations at a time" },
} as const;

export const standardLimits: ActionLimits = {
	timeout: limitRanges.timeout.standard,
	memory: limitRanges.memory.standard,
	logs: limitRanges.logs.standard,
	concurrency: limitRanges.concurrency.standard,
};

export type ActionBody = {
	exec?: { kind: string; code: string; main?: string; binary: boolean };
	parameters?: KeyValue[];
	annotations?: KeyValue[];
	delAnnotations: string[];
	limits: Partial<ActionLimits>;
	publish?: boolean;
	version?: unknown;
};

/** The body of `PUT …/actions/{name}`, checked field by field. Throws 400. */
export function readActionBody(body: Record<string, unknown>): ActionBody {
	const parameters = readKeyValues(body, "parameters");
	const annotations = readKeyValues(body, "annotations");
	const removed = body.delAnnotations;
	return {
		...(body.exec === undefined ? {} : { exec: readExec(body.exec) }),
		...(parameters ? { parameters } : {}),
		...(annotations ? { annotations } : {}),
		delAnnotations: Array.isArray(removed) ? removed.map(String) : [],
		limits: readLimits(body.limits),
		...(typeof body.publish === "boolean" ? { publish: body.publish } : {}),
		version: body.version,
	};
}

function readExec(exec: unknown): ActionBody["exec"] & object {
	if (!isObject(exec)) throw refuse("malformedContent", "'exec' must be an object.");
	const { kind: given, code, main, binary } = exec;
	if (given === "sequence" || given === "blackbox")
		throw refuse("badRequest", `Actions of kind '${given}' are not supported by this platform.`);
	const kind = given === "nodejs:default" ? defaultKind : given;
	if (typeof kind !== "string" || !(kinds as readonly string[]).includes(kind))
		throw refuse("badRequest", `kind '${given}' not in Set(${kinds.join(", ")})`);
	if (typeof code !== "string" || code === "")
		throw refuse("malformedContent", `'code' must be a string defined in 'exec' for '${kind}' actions`);
	if (main !== undefined && typeof main !== "string")
		throw refuse("malformedContent", `'main' must be a string in 'exec' for '${kind}' actions`);
	return { kind, code, ...(main ? { main } : {}), binary: binary === true || looksBinary(code) };
}

/** Clients send an archive as base64 and may say nothing else about it. */
function looksBinary(code: string): boolean {
	const text = code.trim();
	return text.length > 0 && text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text);
}

function readLimits(limits: unknown): Partial<ActionLimits> {
	if (limits === undefined || limits === null) return {};
	if (!isObject(limits)) throw refuse("malformedContent", "'limits' must be an object.");
	const checked: Partial<ActionLimits> = {};
	for (const name of Object.keys(limitRanges) as (keyof ActionLimits)[]) {
		const value = limits[name];
		if (value === undefined || value === null) continue;
		const { min, max, unit } = limitRanges[name];
		if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max)
			throw refuse("malformedContent", `The limit '${name}' must be from ${min} to ${max} ${unit}, not ${value}.`);
		checked[name] = value;
	}
	return checked;
}
