import { answerJson } from "#functions/adapter/answer.ts";
import { readBody } from "#functions/adapter/body.ts";
import type { Call } from "#functions/adapter/routes.ts";
import { readFacts } from "#functions/orchestrator/facts.ts";
import { planRestore } from "#functions/orchestrator/plan.ts";
import { type Selection, selectionOf } from "#functions/orchestrator/selection.ts";
import { CannotDo } from "#functions/orchestrator/step.ts";
import { findSnapshot } from "#functions/snapshots/find.ts";
import { Fault } from "#schemas/fault.ts";
import { toBoolean } from "#schemas/primitive.ts";
import { RestoreCreateBody, type RestoreDocument } from "#schemas/restore.ts";
import type { SnapshotDocument } from "#schemas/snapshot.ts";
import { readCapture } from "#store/captures.ts";
import { insertRestore } from "#store/restores.ts";
import { runIdOf, startRun } from "#store/runs.ts";
import { intactStates, lockSnapshot } from "#store/snapshots.ts";
import { restoreDetail } from "./view.ts";

/**
 * The snapshot is `restoring` before the answer, because T4O clients wait for it to become available again. Snapshot,
 * restore, run, in this order; reconcile clears up what a crash leaves of it. `?dry_run=true` answers the plan and
 * changes nothing.
 */
export async function create(call: Call): Promise<Response> {
	const { context } = call;
	const body = await readBody(call.request, RestoreCreateBody);
	const snapshot = await findSnapshot(call);
	const selection = select(body, snapshot);
	const dryRun = toBoolean(call.url.searchParams.get("dry_run") ?? undefined) ?? false;
	const restore = documentOf(call, body, snapshot, selection.type);
	if (dryRun) return dry(call, restore, snapshot, selection);
	const db = await context.database();
	const runId = runIdOf("restore", restore._id);
	const now = context.now();
	if ((await lockSnapshot(db, snapshot._id, runId, now)) === null) throw notAvailable(await findSnapshot(call));
	await insertRestore(db, restore);
	const { project_id, workload_id, _id: subject_id } = restore;
	await startRun(db, { kind: "restore", project_id, workload_id, subject_id, step: "plan" }, now);
	await context.nudge(runId);
	context.log("restore-started", { restore_id: subject_id, snapshot_id: snapshot._id });
	const answer = { ...restoreDetail(restore, call.url, now), status: "restoring" };
	return answerJson(202, { restore: answer });
}

async function dry(call: Call, restore: RestoreDocument, snapshot: SnapshotDocument, selection: Selection) {
	const { context } = call;
	if (!(intactStates as readonly string[]).includes(snapshot.status)) throw notAvailable(snapshot);
	const capture = await readCapture(await context.database(), snapshot._id);
	if (capture === null) throw notAvailable(snapshot);
	const facts = await readFacts(context.caller(call.identity.token), capture.captured);
	const plan = orBadRequest(() => planRestore(snapshot, capture.captured, selection, facts));
	const planned = { ...restore, plan, warning_msg: plan.notes.join(" ") || null };
	return answerJson(200, { restore: { ...restoreDetail(planned, call.url, context.now()), dry_run: true } });
}

function select(body: RestoreCreateBody, snapshot: SnapshotDocument): Selection {
	const ids = snapshot.instances.map(({ id }) => id);
	return orBadRequest(() => selectionOf(body.restore.options ?? {}, ids));
}

function documentOf(
	call: Call,
	{ restore: { name, description, options = {} } }: RestoreCreateBody,
	snapshot: SnapshotDocument,
	restore_type: RestoreDocument["restore_type"],
): RestoreDocument {
	const now = call.context.now();
	return {
		_id: call.context.newId(),
		snapshot_id: snapshot._id,
		workload_id: snapshot.workload_id,
		project_id: snapshot.project_id,
		user_id: call.identity.userId,
		name: name ?? options.name ?? "",
		description: description ?? options.description ?? "",
		restore_type,
		status: "creating",
		options: options as Record<string, unknown>,
		plan: null,
		created: [],
		size: snapshot.size,
		done_bytes: 0,
		progress_msg: null,
		warning_msg: null,
		error_msg: null,
		created_at: now,
		updated_at: now,
		finished_at: null,
		rev: 0,
	};
}

function notAvailable({ _id, status }: SnapshotDocument): Fault {
	return new Fault("SNAPSHOT_NOT_AVAILABLE", { id: _id, status, wanted: "restored" });
}

/** What cannot be done because of what was asked is the caller's to change. */
function orBadRequest<T>(decide: () => T): T {
	try {
		return decide();
	} catch (error) {
		if (!(error instanceof CannotDo)) throw error;
		throw new Fault("BAD_REQUEST", { problem: error.message.replace(/\.$/, "") }, { cause: error });
	}
}
