import type { Column } from "../output/column.ts";
import { sizeText } from "../output/size.ts";
import type { PlannedInstance } from "./view.ts";

/** One thing that a restore would create. */
export type PlannedThing = { kind: "instance" | "volume"; name: string; details: string };

export const planColumns: readonly Column<PlannedThing>[] = [
	{ name: "Create", value: ({ kind }) => kind },
	{ name: "Name", value: ({ name }) => name },
	{ name: "Details", value: ({ details }) => details },
];

/** Everything that the plan creates, instance by instance. */
export const thingsOf = (instances: readonly PlannedInstance[]): PlannedThing[] => instances.flatMap(thingsOfOne);

const thingsOfOne = ({ original_id, name, flavor_id, networks, disks }: PlannedInstance): PlannedThing[] => {
	const nets = networks.map(({ network_id, fixed_ip }) => `network ${network_id}${fixed_ip ? ` ${fixed_ip}` : ""}`);
	const sizes = disks.map(({ device, size_bytes }) => `${device} ${sizeText(size_bytes)}`);
	const instance = [`from ${original_id}`, `flavor ${flavor_id}`, ...nets, ...sizes].join(", ");
	const volumes = disks.flatMap(({ device, new_volume }): PlannedThing[] => {
		if (new_volume === null) return [];
		const { name: volume, size_gib, volume_type } = new_volume;
		const type = volume_type === null ? [] : [`type ${volume_type}`];
		return [{ kind: "volume", name: volume, details: [`${size_gib} GiB`, ...type, `${device} of ${name}`].join(", ") }];
	});
	return [{ kind: "instance", name, details: instance }, ...volumes];
};
