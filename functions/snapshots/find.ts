import type { Call } from "#functions/adapter/routes.ts";
import { Fault } from "#schemas/fault.ts";
import type { SnapshotDocument } from "#schemas/snapshot.ts";
import { readSnapshot } from "#store/snapshots.ts";

/**
 * The snapshot of the path in the path's project and, where the path names one, in its workload. Throws `Fault`
 * NOT_FOUND.
 */
export async function findSnapshot(call: Call): Promise<SnapshotDocument> {
	const { project = "", workload, snapshot: id = "" } = call.params;
	const found = await readSnapshot(await call.context.database(), id, project);
	if (found === null || (workload !== undefined && found.workload_id !== workload)) {
		throw new Fault("NOT_FOUND", { kind: "snapshot", id });
	}
	return found;
}
