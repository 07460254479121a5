import { answerEmpty } from "#functions/adapter/answer.ts";
import type { Call } from "#functions/adapter/routes.ts";
import { Fault } from "#schemas/fault.ts";
import { cancelRun, runIdOf } from "#store/runs.ts";
import { moveSnapshot, runningStates } from "#store/snapshots.ts";
import { findSnapshot } from "./find.ts";

/** The run learns it first: after a crash here it still ends cancelled. Safe to repeat. */
export async function cancel(call: Call): Promise<Response> {
	const { context } = call;
	const snapshot = await findSnapshot(call);
	const { _id: id, status } = snapshot;
	const running: readonly string[] = [...runningStates, "cancelling"];
	if (!running.includes(status)) throw new Fault("SNAPSHOT_NOT_RUNNING", { id, status });
	const db = await context.database();
	const now = context.now();
	const runId = runIdOf("snapshot", id);
	await cancelRun(db, runId, now);
	await moveSnapshot(db, id, { from: runningStates, to: "cancelling", now, set: { progress_msg: "Cancelling" } });
	await context.nudge(runId);
	context.log("snapshot-cancelled", { snapshot_id: id });
	return answerEmpty(200);
}
