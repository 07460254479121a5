import { linksOf, metadataRows, percentOf, secondsTaken, timestamp, timestampOrNull } from "#functions/adapter/view.ts";
import type { RestoreDocument } from "#schemas/restore.ts";

/** A row of the list. */
export function restoreRow(restore: RestoreDocument, url: URL) {
	return {
		id: restore._id,
		name: restore.name,
		description: restore.description,
		snapshot_id: restore.snapshot_id,
		workload_id: restore.workload_id,
		project_id: restore.project_id,
		user_id: restore.user_id,
		status: restore.status,
		restore_type: "restore",
		created_at: timestamp(restore.created_at),
		links: linksOf(url, restore.project_id, `restores/${restore._id}`),
	};
}

const chosen = { oneclick: "Oneclick Restore", selective: "Selective Restore" } as const;

/** The detail. `instances[].id` is the new server's: T4O's clients read it as soon as the snapshot is available again. */
export function restoreDetail(restore: RestoreDocument, url: URL, now: Date) {
	const made = restore.plan?.instances.filter(({ new_id }) => new_id !== null) ?? [];
	return {
		...restoreRow(restore, url),
		updated_at: timestamp(restore.updated_at),
		finished_at: timestampOrNull(restore.finished_at),
		size: restore.size,
		uploaded_size: restore.done_bytes,
		done_bytes: restore.done_bytes,
		progress_percent: percentOf(restore.done_bytes, restore.size, restore.status === "available"),
		progress_msg: restore.progress_msg,
		warning_msg: restore.warning_msg,
		error_msg: restore.error_msg,
		time_taken: secondsTaken(restore.created_at, restore.finished_at, now),
		host: made[0]?.host ?? "",
		restore_options: restore.options,
		metadata: metadataRows({ restore_user_selected_value: chosen[restore.restore_type] }),
		instances: made.map(({ new_id, name, original_id, disks }) => ({
			id: new_id,
			name,
			status: restore.status,
			metadata: { instance_id: original_id },
			vdisks: disks.map(({ device, new_volume_id }) => ({
				label: device,
				...(new_volume_id !== null && { volume_id: new_volume_id }),
			})),
		})),
		networks: [],
		subnets: [],
		routers: [],
		ports: [],
		plan: restore.plan,
	};
}
