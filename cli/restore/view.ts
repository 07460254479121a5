import type { Column } from "../output/column.ts";
import { sizeText } from "../output/size.ts";
import type { Underway } from "../progress.ts";
import { instanceLines } from "../workload/view.ts";

export type PlannedInstance = {
	original_id: string;
	name: string;
	flavor_id: string;
	networks: { network_id: string; fixed_ip: string | null }[];
	disks: {
		device: string;
		size_bytes: number;
		new_volume: { name: string; size_gib: number; volume_type: string | null } | null;
	}[];
};

export type Restore = Underway & {
	name: string;
	description: string | null;
	snapshot_id: string;
	workload_id: string;
	warning_msg: string | null;
	time_taken: number;
	created_at: string;
	finished_at: string | null;
	instances: { id: string | null; name: string }[];
	plan: { instances: PlannedInstance[]; notes: string[] } | null;
};

export const listColumns: readonly Column<Restore>[] = [
	{ name: "ID", value: ({ id }) => id },
	{ name: "Name", value: ({ name }) => name },
	{ name: "Snapshot ID", value: ({ snapshot_id }) => snapshot_id },
	{ name: "Status", value: ({ status }) => status },
	{ name: "Created At", value: ({ created_at }) => created_at },
];

export const longColumns: readonly Column<Restore>[] = [
	...listColumns,
	{ name: "Workload ID", value: ({ workload_id }) => workload_id },
	{ name: "Size", value: ({ size }) => size, shown: ({ size }) => sizeText(size) },
	{ name: "Seconds", value: ({ time_taken }) => time_taken },
	{ name: "Instances", value: ({ instances }) => instances, shown: ({ instances }) => instanceLines(instances) },
	{ name: "Error", value: ({ error_msg }) => error_msg },
];

export const showColumns: readonly Column<Restore>[] = [
	{ name: "id", value: ({ id }) => id },
	{ name: "name", value: ({ name }) => name },
	{ name: "description", value: ({ description }) => description },
	{ name: "snapshot_id", value: ({ snapshot_id }) => snapshot_id },
	{ name: "workload_id", value: ({ workload_id }) => workload_id },
	{ name: "status", value: ({ status }) => status },
	{ name: "progress_percent", value: ({ progress_percent }) => progress_percent },
	{ name: "progress_msg", value: ({ progress_msg }) => progress_msg },
	{ name: "warning_msg", value: ({ warning_msg }) => warning_msg },
	{ name: "error_msg", value: ({ error_msg }) => error_msg },
	{ name: "size", value: ({ size }) => size, shown: ({ size }) => sizeText(size) },
	{ name: "time_taken", value: ({ time_taken }) => time_taken, shown: ({ time_taken }) => `${time_taken} s` },
	{ name: "instances", value: ({ instances }) => instances, shown: ({ instances }) => instanceLines(instances) },
	{ name: "created_at", value: ({ created_at }) => created_at },
	{ name: "finished_at", value: ({ finished_at }) => finished_at },
];
