import { randomUUID } from "node:crypto";
import type { DeleteSnapshot } from "#schemas/job.ts";
import type { SnapshotDocument } from "#schemas/snapshot.ts";
import type { WorkloadDocument } from "#schemas/workload.ts";

export const project = "a".repeat(32);

export function sampleWorkload(now: Date, change: Partial<WorkloadDocument> = {}): WorkloadDocument {
	return {
		_id: randomUUID(),
		project_id: project,
		user_id: "u",
		name: "w",
		description: "",
		status: "available",
		error_msg: null,
		instances: [{ id: randomUUID(), name: "vm" }],
		metadata: {},
		jobschedule: {},
		target_id: "default",
		locked_by: null,
		created_at: now,
		updated_at: now,
		rev: 0,
		...change,
	};
}

export function sampleSnapshot(now: Date, change: Partial<SnapshotDocument> = {}): SnapshotDocument {
	return {
		_id: randomUUID(),
		workload_id: randomUUID(),
		project_id: project,
		user_id: "u",
		name: "s",
		description: "",
		status: "creating",
		snapshot_type: "full",
		target_id: "default",
		locked_by: null,
		host: "",
		instances: [],
		size: 0,
		done_bytes: 0,
		uploaded_size: 0,
		progress_msg: null,
		warning_msg: null,
		error_msg: null,
		created_at: now,
		updated_at: now,
		finished_at: null,
		rev: 0,
		...change,
	};
}

export const samplePayload = (target_id = "default"): DeleteSnapshot => ({
	kind: "delete-snapshot",
	target_id,
	project_id: project,
	snapshot_id: randomUUID(),
});
