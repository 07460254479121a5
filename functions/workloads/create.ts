import { answerJson } from "#functions/adapter/answer.ts";
import { readBody } from "#functions/adapter/body.ts";
import type { Call } from "#functions/adapter/routes.ts";
import { Fault } from "#schemas/fault.ts";
import { toBoolean } from "#schemas/primitive.ts";
import { WorkloadCreateBody, type WorkloadDocument } from "#schemas/workload.ts";
import { insertWorkload } from "#store/workloads.ts";
import { findInstances, giveBack, takeInstances } from "./instances.ts";
import { chooseTarget } from "./target.ts";
import { workloadDetail } from "./view.ts";

/**
 * Memberships first, the workload last: a crash between leaves memberships of a workload that does not exist, which
 * may be taken over after a grace (store/members.ts).
 */
export async function create(call: Call): Promise<Response> {
	const { context, identity } = call;
	const { workload: asked } = await readBody(call.request, WorkloadCreateBody);
	if (toBoolean(asked.encryption)) throw new Fault("NOT_SUPPORTED", { what: "An encrypted workload" });
	refuseSchedule(asked.jobschedule);
	const db = await context.database();
	const target_id = await chooseTarget(db, asked.backup_target_types);
	const instances = await findInstances(
		call,
		asked.instances.map((one) => one["instance-id"]),
	);
	const now = context.now();
	const workload: WorkloadDocument = {
		_id: context.newId(),
		project_id: call.params.project ?? "",
		user_id: identity.userId,
		name: asked.name ?? "",
		description: asked.description ?? "",
		status: "available",
		error_msg: null,
		instances,
		metadata: asked.metadata ?? {},
		jobschedule: asked.jobschedule ?? {},
		target_id,
		locked_by: null,
		created_at: now,
		updated_at: now,
		rev: 0,
	};
	const taken = await takeInstances(db, instances, { projectId: workload.project_id, workloadId: workload._id, now });
	try {
		await insertWorkload(db, workload);
	} catch (error) {
		await giveBack(db, taken, workload._id).catch(() => {});
		throw error;
	}
	context.log("workload-created", { workload_id: workload._id, instances: instances.length });
	return answerJson(202, { workload: workloadDetail(workload, call.url, []) });
}

/** A schedule that nobody runs would be a false promise. */
export function refuseSchedule(jobschedule: Record<string, unknown> | undefined): void {
	if (toBoolean(jobschedule?.enabled)) throw new Fault("NOT_SUPPORTED", { what: "A schedule (jobschedule.enabled)" });
}
