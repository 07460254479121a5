import { answerJson } from "#functions/adapter/answer.ts";
import { readBody } from "#functions/adapter/body.ts";
import type { Call } from "#functions/adapter/routes.ts";
import { Fault } from "#schemas/fault.ts";
import { WorkloadChangeBody, type WorkloadDocument } from "#schemas/workload.ts";
import { measureSnapshots } from "#store/snapshots.ts";
import { changeWorkload } from "#store/workloads.ts";
import { refuseSchedule } from "./create.ts";
import { findInstances, giveBack, type NamedInstance, takeInstances } from "./instances.ts";
import { mustFind } from "./list.ts";
import { workloadDetail } from "./view.ts";

/** New members are taken before the workload names them, old ones given back after: at no moment is one in two. */
export async function change(call: Call): Promise<Response> {
	const { workload: asked } = await readBody(call.request, WorkloadChangeBody);
	refuseSchedule(asked.jobschedule);
	const { name, description, metadata } = asked;
	const jobschedule = Object.keys(asked.jobschedule ?? {}).length > 0 ? asked.jobschedule : undefined;
	const set = {
		...(name !== undefined && { name }),
		...(description !== undefined && { description }),
		...(metadata !== undefined && { metadata }),
		...(jobschedule !== undefined && { jobschedule }),
	};
	const workload = await mustFind(call);
	const changed =
		asked.instances === undefined
			? await changeOrBusy(call, workload, set)
			: await changeInstances(
					call,
					workload,
					set,
					asked.instances.map((one) => one["instance-id"]),
				);
	const usage = await measureSnapshots(await call.context.database(), [changed._id]);
	return answerJson(202, { workload: workloadDetail(changed, call.url, usage) });
}

type Change = Parameters<typeof changeWorkload>[2];

async function changeInstances(call: Call, workload: WorkloadDocument, set: Change, ids: string[]) {
	if (workload.status !== "available") throw busy(workload);
	const db = await call.context.database();
	const instances: NamedInstance[] = await findInstances(call, ids);
	const taking = { projectId: workload.project_id, workloadId: workload._id, now: call.context.now() };
	const taken = await takeInstances(db, instances, taking);
	try {
		const changed = await changeOrBusy(call, workload, { ...set, instances });
		const kept = new Set(instances.map(({ id }) => id));
		const dropped = workload.instances.map(({ id }) => id).filter((id) => !kept.has(id));
		await giveBack(db, dropped, workload._id);
		return changed;
	} catch (error) {
		if (error instanceof Fault) await giveBack(db, taken, workload._id);
		throw error;
	}
}

async function changeOrBusy(call: Call, workload: WorkloadDocument, set: Change): Promise<WorkloadDocument> {
	const changed = await changeWorkload(await call.context.database(), workload, set, call.context.now());
	if (changed === null) throw busy(workload);
	return changed;
}

function busy({ _id, status }: WorkloadDocument): Fault {
	return new Fault("WORKLOAD_BUSY", { id: _id, status: status === "available" ? "being changed" : status });
}
