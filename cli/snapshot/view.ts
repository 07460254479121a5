import type { Column } from "../output/column.ts";
import { sizeText } from "../output/size.ts";
import type { Underway } from "../progress.ts";

type Disk = { label: string; volume_id?: string; restore_size: number; uploaded_size: number };
type Nic = { network?: { id: string; name: string } };

export type Snapshot = Underway & {
	name: string;
	description: string | null;
	workload_id: string;
	snapshot_type: string;
	host: string;
	warning_msg: string | null;
	time_taken: number;
	created_at: string;
	finished_at: string | null;
	instances: { id: string; name: string; snapshot_type?: string; vdisks: Disk[]; nics?: Nic[] }[];
};

export const listColumns: readonly Column<Snapshot>[] = [
	{ name: "ID", value: ({ id }) => id },
	{ name: "Name", value: ({ name }) => name },
	{ name: "Workload ID", value: ({ workload_id }) => workload_id },
	{ name: "Type", value: ({ snapshot_type }) => snapshot_type },
	{ name: "Status", value: ({ status }) => status },
	{ name: "Created At", value: ({ created_at }) => created_at },
];

export const longColumns: readonly Column<Snapshot>[] = [
	...listColumns,
	{ name: "Size", value: ({ size }) => size, shown: ({ size }) => sizeText(size) },
	{
		name: "Stored",
		value: ({ uploaded_size }) => uploaded_size,
		shown: ({ uploaded_size }) => sizeText(uploaded_size),
	},
	{ name: "Seconds", value: ({ time_taken }) => time_taken },
	{ name: "Error", value: ({ error_msg }) => error_msg },
];

const diskLines = ({ instances }: Snapshot): string =>
	instances
		.flatMap(({ name, vdisks }) =>
			vdisks.map(
				(disk) => `${name} ${disk.label}: ${sizeText(disk.restore_size)}, ${sizeText(disk.uploaded_size)} stored`,
			),
		)
		.join("\n");

export const showColumns: readonly Column<Snapshot>[] = [
	{ name: "id", value: ({ id }) => id },
	{ name: "name", value: ({ name }) => name },
	{ name: "description", value: ({ description }) => description },
	{ name: "workload_id", value: ({ workload_id }) => workload_id },
	{ name: "snapshot_type", value: ({ snapshot_type }) => snapshot_type },
	{ name: "status", value: ({ status }) => status },
	{ name: "progress_percent", value: ({ progress_percent }) => progress_percent },
	{ name: "progress_msg", value: ({ progress_msg }) => progress_msg },
	{ name: "warning_msg", value: ({ warning_msg }) => warning_msg },
	{ name: "error_msg", value: ({ error_msg }) => error_msg },
	{ name: "size", value: ({ size }) => size, shown: ({ size }) => sizeText(size) },
	{
		name: "uploaded_size",
		value: ({ uploaded_size }) => uploaded_size,
		shown: ({ uploaded_size }) => sizeText(uploaded_size),
	},
	{ name: "time_taken", value: ({ time_taken }) => time_taken, shown: ({ time_taken }) => `${time_taken} s` },
	{ name: "instances", value: ({ instances = [] }) => instances, shown: diskLines },
	{ name: "created_at", value: ({ created_at }) => created_at },
	{ name: "finished_at", value: ({ finished_at }) => finished_at },
];
