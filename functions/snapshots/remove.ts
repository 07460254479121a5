import { answerEmpty } from "#functions/adapter/answer.ts";
import type { Call } from "#functions/adapter/routes.ts";
import { Fault } from "#schemas/fault.ts";
import { startRun } from "#store/runs.ts";
import { moveSnapshot } from "#store/snapshots.ts";
import { findSnapshot } from "./find.ts";

/** Of two that delete at once one starts the run; a crash before the run exists is made good by reconcile. */
export async function remove(call: Call): Promise<Response> {
	const { context } = call;
	const snapshot = await findSnapshot(call);
	const db = await context.database();
	const now = context.now();
	const set = { error_msg: null };
	const deleting = await moveSnapshot(db, snapshot._id, {
		from: ["available", "error", "cancelled"],
		to: "deleting",
		now,
		set,
	});
	if (deleting === null) {
		const { status } = await findSnapshot(call);
		if (status === "deleting") return answerEmpty(202);
		throw new Fault("SNAPSHOT_BUSY", { id: snapshot._id, status });
	}
	const { project_id, workload_id, _id: subject_id } = snapshot;
	const runId = await startRun(
		db,
		{ kind: "delete-snapshot", project_id, workload_id, subject_id, step: "remove" },
		now,
	);
	await context.nudge(runId);
	context.log("snapshot-deletion-started", { snapshot_id: subject_id });
	return answerEmpty(202);
}
