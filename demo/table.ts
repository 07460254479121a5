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
				`${disk.instance}/${disk.device}`,
				bytes(disk.size_bytes),
				bytes(disk.allocated_bytes),
				bytes(disk.read_bytes),
				bytes(disk.sent_bytes),
				bytes(disk.stored_bytes),
				"",
				yesNo(disk.identical),
			]);
		}
		const sum = (key: "size_bytes" | "allocated_bytes" | "read_bytes" | "sent_bytes"): string =>
			bytes(disks.reduce((total, disk) => total + disk[key], 0));
		rows.push([
			type,
			"all",
			sum("size_bytes"),
			sum("allocated_bytes"),
			sum("read_bytes"),
			sum("sent_bytes"),
			bytes(storedBytes),
			seconds.toFixed(1),
			yesNo(disks.every(({ identical }) => identical)),
		]);
	}
	return rows.toString();
};
