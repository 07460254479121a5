import type { Flavor } from "#openstack/nova.ts";
import type { CapturedMetadata } from "#schemas/capture.ts";
import type { PlannedDisk, PlannedInstance, RestorePlan } from "#schemas/restore.ts";
import type { SnapshotDocument } from "#schemas/snapshot.ts";
import type { CloudFacts } from "./facts.ts";
import type { AskedInstance, Selection } from "./selection.ts";
import { CannotDo } from "./step.ts";

type Captured = CapturedMetadata["instances"][number];
type Port = { network_id: string; fixed_ips?: { ip_address: string }[]; security_groups?: string[] };
type Note = (sentence: string) => void;

/**
 * Everything that a restore will create, decided before anything is (promise P7). Pure: the same input gives the same
 * plan. A decision that the caller did not make leaves a note. Throws `CannotDo` where the cloud lacks what is needed.
 */
export function planRestore(
	snapshot: SnapshotDocument,
	captured: CapturedMetadata,
	selection: Selection,
	facts: CloudFacts,
): RestorePlan {
	const notes: string[] = [];
	const instances = selection.instanceIds.map((id) => {
		const facts_ = captured.instances.find((instance) => instance.id === id);
		const stored = snapshot.instances.find((instance) => instance.id === id);
		if (!facts_ || !stored) throw new CannotDo(`The snapshot has no instance ${id}.`);
		return planInstance(facts_, stored, selection, facts, (sentence) => notes.push(`${stored.name}: ${sentence}`));
	});
	return { instances, notes };
}

function planInstance(
	captured: Captured,
	stored: SnapshotDocument["instances"][number],
	selection: Selection,
	facts: CloudFacts,
	note: Note,
): PlannedInstance {
	const asked = selection.asked.get(captured.id);
	const { server } = captured;
	if (selection.type === "oneclick" && facts.servers.has(captured.id)) {
		throw new CannotDo(
			`Instance ${stored.name} still exists; a one-click restore makes it again: delete it first, or restore selectively.`,
		);
	}
	const imageId = (server.image as { id?: string } | undefined)?.id;
	if (!imageId) throw new CannotDo(`Instance ${stored.name} boots from a volume, which cannot be restored yet.`);
	if (!facts.images.has(imageId)) {
		throw new CannotDo(`The image ${imageId} of instance ${stored.name} is gone; put it back to restore the instance.`);
	}
	return {
		original_id: captured.id,
		name: asked?.name?.trim() ? asked.name : stored.name,
		flavor_id: planFlavor(captured, stored.name, asked, facts, note),
		image_id: imageId,
		key_name: planKey(server.key_name, facts, note),
		availability_zone: planZone(asked?.availability_zone, server["OS-EXT-AZ:availability_zone"], facts, note),
		security_groups: planSecurityGroups(captured, facts, note),
		metadata: server.metadata as Record<string, string>,
		networks: planNetworks(captured, stored.name, asked, selection, facts, note),
		start: server.status === "ACTIVE",
		disks: stored.disks.map((disk) => planDisk(disk, captured, asked)),
		new_id: null,
		host: null,
	};
}

/** The one asked for, else the original one, else the smallest that has as much of everything. */
function planFlavor(
	captured: Captured,
	name: string,
	asked: AskedInstance | undefined,
	facts: CloudFacts,
	note: Note,
): string {
	const wanted = asked?.flavor?.id;
	if (wanted) {
		if (facts.flavors.some(({ id }) => id === wanted)) return wanted;
		throw new CannotDo(`There is no flavor ${wanted} for instance ${name}.`);
	}
	const { id, original_name, vcpus, ram, disk } = captured.flavor as unknown as Flavor & { original_name: string };
	const original = facts.flavors.find(
		(one) => one.id === id && one.disk >= disk && one.ram >= ram && one.vcpus >= vcpus,
	);
	if (original) return original.id;
	const fitting = facts.flavors
		.filter((one) => one.vcpus >= vcpus && one.ram >= ram && one.disk >= disk)
		.sort((a, b) => a.disk - b.disk || a.ram - b.ram || a.vcpus - b.vcpus || a.id.localeCompare(b.id))[0];
	if (!fitting)
		throw new CannotDo(`No flavor has ${vcpus} VCPUs, ${ram} MiB RAM and ${disk} GiB disk for instance ${name}.`);
	note(`its flavor ${original_name} is gone or has changed; ${fitting.name} is the smallest that fits.`);
	return fitting.id;
}

function planKey(name: unknown, facts: CloudFacts, note: Note): string | null {
	if (typeof name !== "string" || name === "") return null;
	if (facts.keypairs.has(name)) return name;
	note(`the key pair ${name} is not Holdfast's to name; the key itself is on the disk.`);
	return null;
}

function planZone(asked: string | null | undefined, original: unknown, facts: CloudFacts, note: Note): string | null {
	if (asked) return asked;
	if (typeof original !== "string" || original === "") return null;
	if (facts.zones.has(original)) return original;
	note(`its availability zone ${original} is not there; Nova chooses one.`);
	return null;
}

function planSecurityGroups(captured: Captured, facts: CloudFacts, note: Note): string[] {
	const original = [...new Set((captured.ports as Port[]).flatMap((port) => port.security_groups ?? []))];
	const gone = original.filter((id) => !facts.securityGroups.has(id));
	if (gone.length > 0) note(`its security groups ${gone.join(", ")} are gone; it comes back without them.`);
	return original.filter((id) => facts.securityGroups.has(id));
}

/** Asked-for nics, else the original ones: in mapped networks, and with their old addresses only in a one-click restore. */
function planNetworks(
	captured: Captured,
	name: string,
	asked: AskedInstance | undefined,
	selection: Selection,
	facts: CloudFacts,
	note: Note,
): PlannedInstance["networks"] {
	const ports = captured.ports as Port[];
	const nics = selection.type === "selective" ? (asked?.nics ?? []) : [];
	const planned =
		nics.length > 0
			? nics.map((nic, index) => {
					const network_id = nic.network?.id || ports[index]?.network_id;
					if (!network_id) throw new CannotDo(`Nic ${index + 1} of instance ${name} names no network.`);
					return { network_id: selection.networks.get(network_id) ?? network_id, fixed_ip: nic.ip_address || null };
				})
			: ports.map((port) => {
					const fixed_ip = selection.type === "oneclick" ? (port.fixed_ips?.[0]?.ip_address ?? null) : null;
					return { network_id: selection.networks.get(port.network_id) ?? port.network_id, fixed_ip };
				});
	const gone = planned.find(({ network_id }) => !facts.networks.has(network_id));
	if (gone) throw new CannotDo(`The network ${gone.network_id} of instance ${name} is gone; map it to another one.`);
	if (nics.length === 0 && selection.type === "selective" && planned.length > 0)
		note("it gets the next free address of each network.");
	return planned;
}

function planDisk(
	disk: SnapshotDocument["instances"][number]["disks"][number],
	captured: Captured,
	asked: AskedInstance | undefined,
): PlannedDisk {
	const { disk_id, device, size_bytes, volume_id } = disk;
	const common = { disk_id, device, size_bytes, new_volume_id: null };
	if (volume_id === null) return { ...common, new_volume: null };
	const volume = captured.volumes.find((one) => one.volume.id === volume_id)?.volume ?? {};
	const wish = asked?.vdisks?.find(({ id }) => id === volume_id);
	const size_gib = Math.ceil(size_bytes / 1024 ** 3);
	return {
		...common,
		new_volume: {
			name: typeof volume.name === "string" ? volume.name : "",
			size_gib: Math.max(size_gib, Number(volume.size ?? 0)),
			volume_type: wish?.new_volume_type || ((volume.volume_type as string | null | undefined) ?? null),
			availability_zone: wish?.availability_zone || ((volume.availability_zone as string | null | undefined) ?? null),
		},
	};
}
