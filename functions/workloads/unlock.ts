import { answerEmpty } from "#functions/adapter/answer.ts";
import type { Call } from "#functions/adapter/routes.ts";
import { moveWorkload } from "#store/workloads.ts";
import { mustFind } from "./list.ts";

/**
 * `locked → available` whoever holds the lock; nothing in any other state. The run that held it goes on and ends as it
 * would: it unlocks only what it still holds.
 */
export async function unlock(call: Call): Promise<Response> {
	const { _id } = await mustFind(call);
	const { context } = call;
	const set = { locked_by: null };
	await moveWorkload(await context.database(), _id, { from: ["locked"], to: "available", now: context.now(), set });
	context.log("workload-unlocked", { workload_id: _id });
	return answerEmpty(202);
}
