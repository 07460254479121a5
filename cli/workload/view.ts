import type { Column } from "../output/column.ts";
import { sizeText } from "../output/size.ts";

export type Workload = {
	id: string;
	name: string;
	description: string | null;
	status: string;
	error_msg?: string | null;
	project_id: string;
	created_at: string;
	updated_at: string | null;
	instances?: { id: string; name: string }[];
	storage_usage?: { usage: number; full: { snap_count: number }; incremental: { snap_count: number } };
	backup_target_types?: string;
};

export const instanceLines = (instances: readonly { id: string | null; name: string }[]): string =>
	instances.map(({ id, name }) => `${name} (${id})`).join("\n");

export const listColumns: readonly Column<Workload>[] = [
	{ name: "ID", value: ({ id }) => id },
	{ name: "Name", value: ({ name }) => name },
	{ name: "Status", value: ({ status }) => status },
	{ name: "Created At", value: ({ created_at }) => created_at },
];

/** With `--long`: what only the detail has. */
export const longColumns: readonly Column<Workload>[] = [
	...listColumns,
	{ name: "Description", value: ({ description }) => description },
	{
		name: "Instances",
		value: ({ instances = [] }) => instances,
		shown: ({ instances = [] }) => instanceLines(instances),
	},
	{
		name: "Snapshots",
		value: ({ storage_usage: usage }) => (usage?.full.snap_count ?? 0) + (usage?.incremental.snap_count ?? 0),
	},
	{
		name: "Stored",
		value: ({ storage_usage }) => storage_usage?.usage ?? 0,
		shown: ({ storage_usage }) => sizeText(storage_usage?.usage ?? 0),
	},
];

export const showColumns: readonly Column<Workload>[] = [
	{ name: "id", value: ({ id }) => id },
	{ name: "name", value: ({ name }) => name },
	{ name: "description", value: ({ description }) => description },
	{ name: "status", value: ({ status }) => status },
	{ name: "error_msg", value: ({ error_msg }) => error_msg },
	{
		name: "instances",
		value: ({ instances = [] }) => instances,
		shown: ({ instances = [] }) => instanceLines(instances),
	},
	{
		name: "storage_usage",
		value: ({ storage_usage }) => storage_usage,
		shown: ({ storage_usage: usage }) =>
			usage
				? `${sizeText(usage.usage)} (${usage.full.snap_count} full, ${usage.incremental.snap_count} incremental)`
				: "None",
	},
	{ name: "backup_target_types", value: ({ backup_target_types }) => backup_target_types },
	{ name: "project_id", value: ({ project_id }) => project_id },
	{ name: "created_at", value: ({ created_at }) => created_at },
	{ name: "updated_at", value: ({ updated_at }) => updated_at },
];
