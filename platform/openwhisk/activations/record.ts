import type { KeyValue } from "../api/parameters.ts";
import type { Status } from "../runtime/outcome.ts";

/** What `GET …/activations/{id}` answers. A trigger activation has no `end` and no `duration`. */
export type ActivationRecord = {
	namespace: string;
	name: string;
	version: string;
	subject: string;
	activationId: string;
	cause?: string;
	/** Epoch milliseconds. */
	start: number;
	end?: number;
	duration?: number;
	response: { status: Status; statusCode: number; success: boolean; result: unknown; size?: number };
	logs: string[];
	annotations: KeyValue[];
	publish: boolean;
};

/** List views leave out what can be long, and lift status and duration to the top. */
export function summary(record: ActivationRecord): Record<string, unknown> {
	const { logs: _logs, response, ...rest } = record;
	return { ...rest, statusCode: response.statusCode };
}

/** `package/name` or `name`, as the `name` filter of a list spells it. */
export function qualifiedName(record: ActivationRecord): string {
	const path = record.annotations.find(({ key }) => key === "path")?.value;
	return typeof path === "string" ? path.split("/").slice(1).join("/") : record.name;
}
