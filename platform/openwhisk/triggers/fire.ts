import type { IncomingHttpHeaders } from "node:http";
import { startActivation } from "../actions/invoke.ts";
import { resolveAction } from "../actions/resolve.ts";
import type { ActivationRecord } from "../activations/record.ts";
import type { Identity } from "../api/identity.ts";
import { parseEntityPath } from "../api/names.ts";
import { toObject } from "../api/parameters.ts";
import type { Platform } from "../platform.ts";
import type { TriggerEntity, TriggerRule } from "../state/entity.ts";

export type TriggerEvent = {
	trigger: TriggerEntity;
	identity: Identity;
	transactionId: string;
	activationId: string;
	payload: Record<string, unknown>;
	headers: IncomingHttpHeaders;
};

/**
 * One non-blocking activation for each active rule, each tried once; what became of it is a log line of the trigger's own
 * activation and nowhere else. That is OpenWhisk's promise, so whoever fires must be able to lose an event.
 */
export async function fireTrigger(platform: Platform, event: TriggerEvent): Promise<void> {
	const { trigger, identity, activationId, payload, headers } = event;
	const start = platform.now().getTime();
	const args = { ...toObject(trigger.parameters), __ow_headers: headers, ...payload };
	const logs: string[] = [];
	for (const rule of trigger.rules)
		if (rule.status === "active") logs.push(await invokeRule(platform, event, rule, args));
	const record: ActivationRecord = {
		namespace: trigger.namespace,
		name: trigger.name,
		version: trigger.version,
		subject: identity.subject,
		activationId,
		start,
		response: { status: "success", statusCode: 0, success: true, result: payload },
		logs,
		annotations: [
			{ key: "path", value: `${trigger.namespace}/${trigger.name}` },
			{ key: "kind", value: "trigger" },
		],
		publish: false,
	};
	platform.activations.add(record);
}

const succeeded = 0;
const applicationFailed = 1;
const whiskFailed = 3;

async function invokeRule(
	platform: Platform,
	event: TriggerEvent,
	rule: TriggerRule,
	payload: unknown,
): Promise<string> {
	const { identity, transactionId, activationId: cause } = event;
	const action = `${rule.action.path}/${rule.action.name}`;
	const about = { rule: rule.rule, action };
	try {
		const resolved = await resolveAction(platform, parseEntityPath(`/${action}`, identity.namespace));
		const { activationId } = startActivation(platform, { action: resolved, payload, identity, transactionId, cause });
		return JSON.stringify({ ...about, statusCode: succeeded, success: true, activationId });
	} catch (error) {
		const known = error instanceof Error && "status" in error && Number(error.status) < 500;
		const statusCode = known ? applicationFailed : whiskFailed;
		return JSON.stringify({ ...about, statusCode, success: false, error: (error as Error).message });
	}
}
