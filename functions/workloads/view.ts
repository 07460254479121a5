import { linksOf, metadataRows, timestamp } from "#functions/adapter/view.ts";
import type { WorkloadDocument } from "#schemas/workload.ts";
import type { Usage } from "#store/snapshots.ts";

/** A row of the list: T4O's fields, minus what only the detail has. */
export function workloadRow(workload: WorkloadDocument, url: URL) {
	return {
		id: workload._id,
		name: workload.name,
		description: workload.description,
		project_id: workload.project_id,
		user_id: workload.user_id,
		status: workload.status,
		source_platform: "openstack",
		created_at: timestamp(workload.created_at),
		updated_at: timestamp(workload.updated_at),
		links: linksOf(url, workload.project_id, `workloads/${workload._id}`),
	};
}

/** The detail. `usage` is of this workload only. */
export function workloadDetail(workload: WorkloadDocument, url: URL, usage: readonly Usage[]) {
	const of = (...types: string[]) => {
		const rows = usage.filter((row) => types.includes(row.snapshot_type));
		const sum = (field: "count" | "usage") => rows.reduce((total, row) => total + row[field], 0);
		return { snap_count: sum("count"), usage: sum("usage") };
	};
	const [full, incremental] = [of("full"), of("incremental", "mixed")];
	return {
		...workloadRow(workload, url),
		error_msg: workload.error_msg,
		availability_zone: "nova",
		instances: workload.instances.map(({ id, name }) => ({ id, name, metadata: {} })),
		metadata: metadataRows(workload.metadata),
		jobschedule: { enabled: false, ...workload.jobschedule },
		storage_usage: { usage: full.usage + incremental.usage, full, incremental },
		encryption: false,
		secret_uuid: null,
		backup_target_types: workload.target_id,
	};
}
