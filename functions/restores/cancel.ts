import { answerEmpty } from "#functions/adapter/answer.ts";
import type { Call } from "#functions/adapter/routes.ts";
import { Fault } from "#schemas/fault.ts";
import { moveRestore, restoringStates } from "#store/restores.ts";
import { cancelRun, runIdOf } from "#store/runs.ts";
import { findRestore } from "./find.ts";

/** The run learns it first: after a crash here it still ends cancelled. Safe to repeat. */
export async function cancel(call: Call): Promise<Response> {
	const { context } = call;
	const { _id: id, status } = await findRestore(call);
	if (!(restoringStates as readonly string[]).includes(status)) throw new Fault("RESTORE_NOT_RUNNING", { id, status });
	const db = await context.database();
	const now = context.now();
	const runId = runIdOf("restore", id);
	await cancelRun(db, runId, now);
	const set = { progress_msg: "Cancelling" };
	await moveRestore(db, id, { from: ["creating", "restoring"], to: "cancelling", now, set });
	await context.nudge(runId);
	context.log("restore-cancelled", { restore_id: id });
	return answerEmpty(200);
}
