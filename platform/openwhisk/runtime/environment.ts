import type { InvokableAction } from "./action.ts";

/** What a container starts with: nothing of the platform's own environment, so that no secret of it leaks into an action. */
export function containerEnvironment(folder: string, apiHost: string): Record<string, string> {
	return {
		PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		HOME: folder,
		TMPDIR: folder,
		LANG: "C.UTF-8",
		TZ: "UTC", // as in the images of Apache OpenWhisk
		__OW_API_HOST: apiHost,
	};
}

export type RunContext = {
	activationId: string;
	transactionId: string;
	/** Epoch milliseconds. */
	deadlineMs: number;
	/** Only when the action is annotated with `provide-api-key`. */
	apiKey?: string;
};

/** The `__OW_*` variables of /init, which the user's module-level code may already read. */
export function initEnvironment(action: InvokableAction, context: RunContext): Record<string, string> {
	return {
		__OW_NAMESPACE: action.namespace,
		__OW_ACTION_NAME: action.fullName,
		__OW_ACTION_VERSION: action.version,
		__OW_ACTIVATION_ID: context.activationId,
		__OW_TRANSACTION_ID: context.transactionId,
		__OW_DEADLINE: String(context.deadlineMs),
		...(context.apiKey === undefined ? {} : { __OW_API_KEY: context.apiKey }),
	};
}

/** The body of /run; the proxy turns every string of it except `value` into an `__OW_*` variable. */
export function runBody(action: InvokableAction, context: RunContext, value: unknown): Record<string, unknown> {
	return {
		value,
		namespace: action.namespace,
		action_name: action.fullName,
		action_version: action.version,
		activation_id: context.activationId,
		transaction_id: context.transactionId,
		deadline: String(context.deadlineMs),
		...(context.apiKey === undefined ? {} : { api_key: context.apiKey }),
	};
}
