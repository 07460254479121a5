import { answerEmpty } from "#functions/adapter/answer.ts";
import type { Call } from "#functions/adapter/routes.ts";
import { Fault } from "#schemas/fault.ts";
import { removeRestore } from "#store/restores.ts";
import { findRestore } from "./find.ts";

/** Removes the record. The instances and volumes that the restore made are the tenant's and stay. */
export async function remove(call: Call): Promise<Response> {
	const { _id: id } = await findRestore(call);
	if (!(await removeRestore(await call.context.database(), id))) {
		const { status } = await findRestore(call);
		throw new Fault("RESTORE_BUSY", { id, status });
	}
	call.context.log("restore-deleted", { restore_id: id });
	return answerEmpty(202);
}
