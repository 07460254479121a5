import Table from "cli-table3";
import { bytes } from "./progress.ts";
import type { Taken } from "./protect.ts";

const yesNo = (identical: boolean | undefined): string => (identical ? "yes" : "NO");

/** What each snapshot cost and whether its restore gave every disk back. */
export const table = (taken: readonly Taken[]): string => {
	const rows = new Table({
		head: ["snapshot", "disk", "virtual", "on disk", "read", "sent", "stored", "seconds", "identical"],
		style: { head: [], border: [] },
		colAligns: ["left", "left", "right", "right", "right", "right", "right", "right", "left"],
	});
	for (const { type, seconds, storedBytes, disks } of taken) {
		for (const disk of disks) {
			rows.push([
				type,
				`${disk.instance}/${disk.label}`,
				bytes(disk.restore_size),
				bytes(disk.allocated_size),
				bytes(disk.read_size),
				bytes(disk.sent_size),
				bytes(disk.uploaded_size),
				"",
				yesNo(disk.identical),
			]);
		}
		const sum = (key: "restore_size" | "allocated_size" | "read_size" | "sent_size"): string =>
			bytes(disks.reduce((total, disk) => total + disk[key], 0));
		rows.push([
			type,
			"all",
			sum("restore_size"),
			sum("allocated_size"),
			sum("read_size"),
			sum("sent_size"),
			bytes(storedBytes),
			seconds.toFixed(1),
			yesNo(disks.every(({ identical }) => identical)),
		]);
	}
	return rows.toString();
};
