import type { Call } from "#functions/adapter/routes.ts";
import { Fault } from "#schemas/fault.ts";
import type { RestoreDocument } from "#schemas/restore.ts";
import { readRestore } from "#store/restores.ts";

/**
 * The restore of the path in the path's project and, where the path names them, of its snapshot and workload. Throws
 * `Fault` NOT_FOUND.
 */
export async function findRestore(call: Call): Promise<RestoreDocument> {
	const { project = "", workload, snapshot, restore: id = "" } = call.params;
	const found = await readRestore(await call.context.database(), id, project);
	const elsewhere =
		(workload !== undefined && found?.workload_id !== workload) ||
		(snapshot !== undefined && found?.snapshot_id !== snapshot);
	if (found === null || elsewhere) throw new Fault("NOT_FOUND", { kind: "restore", id });
	return found;
}
