import { answerJson } from "#functions/adapter/answer.ts";
import { readBody } from "#functions/adapter/body.ts";
import type { Call } from "#functions/adapter/routes.ts";
import { snapshotDetail } from "#functions/snapshots/view.ts";
import { Fault } from "#schemas/fault.ts";
import { toBoolean } from "#schemas/primitive.ts";
import type { SnapshotDocument } from "#schemas/snapshot.ts";
import { SnapshotCreateBody } from "#schemas/workload.ts";
import { runIdOf, startRun } from "#store/runs.ts";
import { insertSnapshot } from "#store/snapshots.ts";
import { lockWorkload } from "#store/workloads.ts";
import { mustFind } from "./list.ts";

/**
 * The workload is locked before the answer, because T4O clients wait for it to become available again. Lock, snapshot,
 * run, in this order: whatever a crash leaves of it, reconcile sees that the run is missing and clears up.
 * `?full=1` decides; the `full` of the body is there in every T4O request and means nothing.
 */
export async function snapshot(call: Call): Promise<Response> {
	const { context, identity } = call;
	const { snapshot: asked = {} } = await readBody(call.request, SnapshotCreateBody);
	const workload = await mustFind(call);
	const db = await context.database();
	const id = context.newId();
	const runId = runIdOf("snapshot", id);
	const now = context.now();
	if ((await lockWorkload(db, workload._id, runId, now)) === null) {
		const { status } = await mustFind(call);
		throw new Fault("WORKLOAD_BUSY", { id: workload._id, status: status === "available" ? "busy" : status });
	}
	const document: SnapshotDocument = {
		_id: id,
		workload_id: workload._id,
		project_id: workload.project_id,
		user_id: identity.userId,
		name: asked.name ?? "",
		description: asked.description ?? "",
		status: "creating",
		// What is asked for. The run makes it what it is: there may be nothing to build on.
		snapshot_type: toBoolean(call.url.searchParams.get("full") ?? undefined) ? "full" : "incremental",
		target_id: workload.target_id,
		locked_by: null,
		host: "",
		instances: [],
		size: 0,
		done_bytes: 0,
		uploaded_size: 0,
		progress_msg: null,
		warning_msg: null,
		error_msg: null,
		created_at: now,
		updated_at: now,
		finished_at: null,
		rev: 0,
	};
	await insertSnapshot(db, document);
	const { project_id, _id: workload_id } = workload;
	await startRun(db, { kind: "snapshot", project_id, workload_id, subject_id: id, step: "capture" }, now);
	await context.nudge(runId);
	context.log("snapshot-started", { workload_id, snapshot_id: id, snapshot_type: document.snapshot_type });
	return answerJson(202, { snapshot: snapshotDetail(document, call.url, now, null) });
}
