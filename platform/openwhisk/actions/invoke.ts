import type { ActivationRecord } from "../activations/record.ts";
import type { Identity } from "../api/identity.ts";
import { pathOf } from "../api/names.ts";
import { annotation, toObject } from "../api/parameters.ts";
import { isObject } from "../api/request.ts";
import { inBackground, type Platform } from "../platform.ts";
import { type Execution, execute } from "../runtime/execute.ts";
import { statuses } from "../runtime/outcome.ts";
import type { ResolvedAction } from "./resolve.ts";

export type Invocation = {
	action: ResolvedAction;
	/** A JSON object, merged over the bound parameters, or an array, which is passed as it is. */
	payload: unknown;
	identity: Identity;
	transactionId: string;
	cause?: string;
};

export type Started = { activationId: string; finished: Promise<ActivationRecord> };

/** Starts an activation at once; `finished` never rejects and the record is kept whether or not anybody waits. */
export function startActivation(platform: Platform, invocation: Invocation): Started {
	const activationId = platform.newId();
	const { action, identity, transactionId } = invocation;
	const { env, args } = partition(invocation);
	const withKey = Boolean(annotation(action.entity.annotations, "provide-api-key"));
	const context = { activationId, transactionId, ...(withKey ? { apiKey: identity.auth } : {}) };
	const finished = execute(platform.pool, { action: action.invokable, context, env, args }, platform.now).then(
		(execution) => {
			const record = toRecord(activationId, invocation, execution);
			platform.activations.add(record);
			return record;
		},
	);
	inBackground(platform, `activation ${activationId}`, finished);
	return { activationId, finished };
}

/** Parameters marked `init` travel in the environment, whoever gave their value. */
function partition({ action, payload }: Invocation): { env: Record<string, unknown>; args: unknown } {
	if (!isObject(payload)) return { env: {}, args: payload };
	const initial = new Set(action.parameters.filter(({ init }) => init).map(({ key }) => key));
	const merged = Object.entries({ ...toObject(action.parameters), ...payload });
	return {
		env: Object.fromEntries(merged.filter(([key]) => initial.has(key))),
		args: Object.fromEntries(merged.filter(([key]) => !initial.has(key))),
	};
}

function toRecord(activationId: string, invocation: Invocation, execution: Execution): ActivationRecord {
	const { entity } = invocation.action;
	const { status, result, sizeBytes, startMs, endMs, logs } = execution;
	return {
		namespace: invocation.identity.namespace,
		name: entity.name,
		version: entity.version,
		subject: invocation.identity.subject,
		activationId,
		...(invocation.cause === undefined ? {} : { cause: invocation.cause }),
		start: startMs,
		end: endMs,
		duration: endMs - startMs,
		response: {
			status,
			statusCode: statuses.indexOf(status),
			success: status === "success",
			result,
			...(sizeBytes === undefined ? {} : { size: sizeBytes }),
		},
		logs,
		annotations: [
			{ key: "path", value: `${pathOf(entity)}/${entity.name}` },
			{ key: "kind", value: entity.exec.kind },
			{ key: "timeout", value: execution.timedOut },
			{ key: "limits", value: entity.limits },
			{ key: "waitTime", value: execution.waitMs },
			...(execution.initMs === undefined ? [] : [{ key: "initTime", value: execution.initMs }]),
		],
		publish: false,
	};
}

/** The record, or undefined when it is not finished within `waitMs`. */
export async function within(
	finished: Promise<ActivationRecord>,
	waitMs: number,
): Promise<ActivationRecord | undefined> {
	let timer: NodeJS.Timeout | undefined;
	const late = new Promise<undefined>((resolve) => {
		timer = setTimeout(() => resolve(undefined), waitMs);
	});
	try {
		return await Promise.race([finished, late]);
	} finally {
		clearTimeout(timer);
	}
}
