import { answerJson } from "#functions/adapter/answer.ts";
import { answerList, pageOf } from "#functions/adapter/list.ts";
import type { Call } from "#functions/adapter/routes.ts";
import { Fault } from "#schemas/fault.ts";
import { toBoolean } from "#schemas/primitive.ts";
import type { WorkloadDocument } from "#schemas/workload.ts";
import { measureSnapshots } from "#store/snapshots.ts";
import { listWorkloads, readWorkload } from "#store/workloads.ts";
import { workloadDetail, workloadRow } from "./view.ts";

/** The workload of the path in the path's project. Throws `Fault` NOT_FOUND. */
export async function mustFind(call: Call): Promise<WorkloadDocument> {
	const id = call.params.id ?? "";
	const workload = await readWorkload(await call.context.database(), id, call.params.project ?? "");
	if (workload === null) throw new Fault("NOT_FOUND", { kind: "workload", id });
	return workload;
}

export async function show(call: Call): Promise<Response> {
	const workload = await mustFind(call);
	const usage = await measureSnapshots(await call.context.database(), [workload._id]);
	return answerJson(200, { workload: workloadDetail(workload, call.url, usage) });
}

export async function list(call: Call): Promise<Response> {
	const rows = await read(call);
	return answerList(
		"workloads",
		call.url,
		pageOf(call.url),
		rows.map((workload) => workloadRow(workload, call.url)),
	);
}

export async function listDetail(call: Call): Promise<Response> {
	const rows = await read(call);
	const usage = await measureSnapshots(
		await call.context.database(),
		rows.map((workload) => workload._id),
	);
	const details = rows.map((workload) =>
		workloadDetail(
			workload,
			call.url,
			usage.filter((row) => row.workload_id === workload._id),
		),
	);
	return answerList("workloads", call.url, pageOf(call.url), details);
}

async function read(call: Call): Promise<WorkloadDocument[]> {
	const query = call.url.searchParams;
	const everybodys = toBoolean(query.get("all_workloads") ?? query.get("all_tenants") ?? undefined) ?? false;
	if (everybodys && !call.identity.isAdmin) throw new Fault("FORBIDDEN", { rule: "workload:get_all_workloads" });
	return listWorkloads(await call.context.database(), everybodys ? undefined : call.params.project, pageOf(call.url));
}
