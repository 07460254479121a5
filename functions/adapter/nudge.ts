import openwhisk from "openwhisk";
import type { Log } from "./log.ts";

/** The rule on this trigger starts the orchestrator. */
export const runChangedTrigger = "run-changed";

/** A nudge is worth less than the answer that waits for it. */
const nudgeTimeoutMs = 5_000;

export type Nudge = {
	/** Without one the orchestrator looks at everything that is due. */
	runId: string | undefined;
	environment: Record<string, string | undefined>;
	log: Log;
};

/**
 * Fires the trigger that wakes the orchestrator. Never throws and ends within five seconds: a nudge that is lost is
 * logged, and the next tick or the next agent's report finds the run.
 */
export async function fireTrigger({ runId, environment, log }: Nudge): Promise<void> {
	const { __OW_API_KEY: api_key, __OW_API_HOST: apihost } = environment;
	let timer: NodeJS.Timeout | undefined;
	try {
		if (!api_key || !apihost) throw new Error("the action has no API key: deploy it with provide-api-key");
		const client = openwhisk({ apihost, api_key });
		const fired = client.triggers.invoke({
			name: runChangedTrigger,
			params: runId === undefined ? {} : { run_id: runId },
		});
		const late = new Promise<never>((_, reject) => {
			timer = setTimeout(() => reject(new Error(`no answer in ${nudgeTimeoutMs} ms`)), nudgeTimeoutMs);
		});
		fired.catch(() => {});
		await Promise.race([fired, late]);
	} catch (error) {
		log("nudge-lost", { run_id: runId, reason: error instanceof Error ? error.message : String(error) });
	} finally {
		clearTimeout(timer);
	}
}
