import { answerJson } from "#functions/adapter/answer.ts";
import { answerList, pageOf } from "#functions/adapter/list.ts";
import type { Call } from "#functions/adapter/routes.ts";
import { Fault } from "#schemas/fault.ts";
import { toBoolean } from "#schemas/primitive.ts";
import type { SnapshotDocument } from "#schemas/snapshot.ts";
import { readCapture } from "#store/captures.ts";
import { listSnapshots } from "#store/snapshots.ts";
import { findSnapshot } from "./find.ts";
import { snapshotDetail, snapshotRow } from "./view.ts";

export async function show(call: Call): Promise<Response> {
	const snapshot = await findSnapshot(call);
	const capture = await readCapture(await call.context.database(), snapshot._id);
	return answerJson(200, {
		snapshot: snapshotDetail(snapshot, call.url, call.context.now(), capture?.captured ?? null),
	});
}

export async function list(call: Call): Promise<Response> {
	const rows = await read(call);
	return answerList(
		"snapshots",
		call.url,
		pageOf(call.url),
		rows.map((snapshot) => snapshotRow(snapshot, call.url)),
	);
}

export async function listDetail(call: Call): Promise<Response> {
	const now = call.context.now();
	const rows = await read(call);
	const details = rows.map((snapshot) => snapshotDetail(snapshot, call.url, now, null));
	return answerList("snapshots", call.url, pageOf(call.url), details);
}

async function read(call: Call): Promise<SnapshotDocument[]> {
	const query = call.url.searchParams;
	const everybodys = toBoolean(query.get("all") ?? undefined) ?? false;
	if (everybodys && !call.identity.isAdmin) throw new Fault("FORBIDDEN", { rule: "snapshot:snapshot_get_all" });
	const workload_id = query.get("workload_id");
	const filter = {
		...(!everybodys && { project_id: call.params.project ?? "" }),
		...(workload_id && { workload_id }),
	};
	return listSnapshots(await call.context.database(), filter, pageOf(call.url));
}
