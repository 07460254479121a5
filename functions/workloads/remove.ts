import { answerEmpty } from "#functions/adapter/answer.ts";
import type { Call } from "#functions/adapter/routes.ts";
import { Fault } from "#schemas/fault.ts";
import { toBoolean } from "#schemas/primitive.ts";
import { releaseMembers } from "#store/members.ts";
import { countSnapshots } from "#store/snapshots.ts";
import { moveWorkload, removeWorkload } from "#store/workloads.ts";
import { mustFind } from "./list.ts";

/**
 * `deleting` first, so that no snapshot can start between the count and the end. A crash on the way is finished by
 * reconcile.
 */
export async function remove(call: Call): Promise<Response> {
	if (toBoolean(call.url.searchParams.get("database_only") ?? undefined)) {
		throw new Fault("NOT_SUPPORTED", { what: "Deleting a workload from the database only" });
	}
	const workload = await mustFind(call);
	const db = await call.context.database();
	const now = call.context.now();
	const deleting = await moveWorkload(db, workload._id, { from: ["available", "error"], to: "deleting", now });
	if (deleting === null) throw new Fault("WORKLOAD_BUSY", { id: workload._id, status: workload.status });
	const count = await countSnapshots(db, workload._id);
	if (count > 0) {
		await moveWorkload(db, workload._id, { from: ["deleting"], to: "available", now });
		throw new Fault("WORKLOAD_HAS_SNAPSHOTS", { id: workload._id, count: String(count) });
	}
	await releaseMembers(db, workload._id);
	await removeWorkload(db, workload._id);
	call.context.log("workload-deleted", { workload_id: workload._id });
	return answerEmpty(202);
}
