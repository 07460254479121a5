import openwhisk from "openwhisk";

/** Longer than any healthy answer: a trigger is acknowledged before its rules run. */
const fireDeadlineMs = 15_000;

export type FireOptions = { apihost: string; auth: string; trigger: string };

/**
 * Fires a trigger of the namespace once and resolves when OpenWhisk has taken it. Rejects when it has not (it may be
 * silent for 15 s: while connecting, before it answers, within the answer), and also when the trigger has no active rule:
 * the event is then taken and lost, which nobody would notice otherwise.
 */
export function createFire({ apihost, auth, trigger }: FireOptions): () => Promise<void> {
	const client = openwhisk({ apihost, api_key: auth, namespace: "_" });
	const deadline = { open_timeout: fireDeadlineMs, response_timeout: fireDeadlineMs, read_timeout: fireDeadlineMs };
	return async () => {
		const answer: { activationId?: string } | undefined = await client.triggers.invoke({ name: trigger, ...deadline });
		if (answer?.activationId === undefined) throw new Error(`the trigger '${trigger}' has no active rule`);
	};
}
