import { answerJson } from "#functions/adapter/answer.ts";
import { answerList, pageOf } from "#functions/adapter/list.ts";
import type { Call } from "#functions/adapter/routes.ts";
import { findSnapshot } from "#functions/snapshots/find.ts";
import type { RestoreDocument } from "#schemas/restore.ts";
import { listRestores } from "#store/restores.ts";
import { findRestore } from "./find.ts";
import { restoreDetail, restoreRow } from "./view.ts";

export async function show(call: Call): Promise<Response> {
	return answerJson(200, { restore: restoreDetail(await findRestore(call), call.url, call.context.now()) });
}

export async function list(call: Call): Promise<Response> {
	const rows = (await read(call)).map((restore) => restoreRow(restore, call.url));
	return answerList("restores", call.url, pageOf(call.url), rows);
}

export async function listDetail(call: Call): Promise<Response> {
	const now = call.context.now();
	const rows = (await read(call)).map((restore) => restoreDetail(restore, call.url, now));
	return answerList("restores", call.url, pageOf(call.url), rows);
}

async function read(call: Call): Promise<RestoreDocument[]> {
	const query = call.url.searchParams;
	// The path says which snapshot's, or the query does.
	const snapshot_id = call.params.snapshot === undefined ? query.get("snapshot_id") : (await findSnapshot(call))._id;
	const workload_id = query.get("workload_id");
	const filter = {
		project_id: call.params.project ?? "",
		...(snapshot_id && { snapshot_id }),
		...(workload_id && { workload_id }),
	};
	return listRestores(await call.context.database(), filter, pageOf(call.url));
}
