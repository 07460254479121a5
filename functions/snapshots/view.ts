import { linksOf, percentOf, secondsTaken, timestamp, timestampOrNull } from "#functions/adapter/view.ts";
import type { CapturedMetadata } from "#schemas/capture.ts";
import type { SnapshotDocument, SnapshotInstance } from "#schemas/snapshot.ts";

/** A row of the list. */
export function snapshotRow(snapshot: SnapshotDocument, url: URL) {
	return {
		id: snapshot._id,
		name: snapshot.name,
		description: snapshot.description,
		workload_id: snapshot.workload_id,
		project_id: snapshot.project_id,
		user_id: snapshot.user_id,
		status: snapshot.status,
		snapshot_type: snapshot.snapshot_type,
		host: snapshot.host,
		created_at: timestamp(snapshot.created_at),
		links: linksOf(url, snapshot.project_id, `snapshots/${snapshot._id}`),
	};
}

/** The detail. With `captured` the instances say what they were made of. */
export function snapshotDetail(snapshot: SnapshotDocument, url: URL, now: Date, captured: CapturedMetadata | null) {
	const intact = snapshot.status === "available" || snapshot.status === "restoring";
	return {
		...snapshotRow(snapshot, url),
		updated_at: timestamp(snapshot.updated_at),
		finished_at: timestampOrNull(snapshot.finished_at),
		size: snapshot.size,
		restore_size: snapshot.size,
		uploaded_size: snapshot.uploaded_size,
		done_bytes: snapshot.done_bytes,
		progress_percent: percentOf(snapshot.done_bytes, snapshot.size, intact),
		progress_msg: snapshot.progress_msg,
		warning_msg: snapshot.warning_msg,
		error_msg: snapshot.error_msg,
		time_taken: secondsTaken(snapshot.created_at, snapshot.finished_at, now),
		pinned: false,
		metadata: [],
		backup_target_types: snapshot.target_id,
		instances: snapshot.instances.map((instance) => instanceView(instance, snapshot.status, captured)),
	};
}

type Captured = CapturedMetadata["instances"][number];
type Row = Record<string, unknown>;

function instanceView(instance: SnapshotInstance, status: string, captured: CapturedMetadata | null) {
	const facts = captured?.instances.find(({ id }) => id === instance.id);
	return {
		id: instance.id,
		name: instance.name,
		status,
		snapshot_type: instance.snapshot_type,
		metadata: (facts?.server.metadata as Row | undefined) ?? {},
		...(facts && { flavor: flavorView(facts.flavor), nics: nicsView(facts, captured) }),
		...(facts && { security_group: securityGroupsView(facts, captured) }),
		vdisks: instance.disks.map((disk) => ({
			label: disk.device,
			// T4O's clients tell a Nova disk by the missing key.
			...(disk.volume_id !== null && { volume_id: disk.volume_id }),
			volume_mountpoint: `/dev/${disk.device}`,
			...volumeView(facts, disk.volume_id),
			restore_size: disk.size_bytes,
			allocated_size: disk.allocated_bytes,
			read_size: disk.read_bytes,
			sent_size: disk.sent_bytes,
			uploaded_size: disk.stored_bytes,
		})),
	};
}

function flavorView({ vcpus, ram, disk, ephemeral, swap }: Row) {
	return { vcpus, ram, disk, ephemeral: ephemeral ?? 0, swap: swap ?? 0 };
}

function nicsView(facts: Captured, captured: CapturedMetadata | null) {
	const find = (rows: Row[] | undefined, id: unknown) => rows?.find((row) => row.id === id);
	return facts.ports.map((port) => {
		const fixed = (port.fixed_ips as { subnet_id: string; ip_address: string }[] | undefined)?.[0];
		const network = find(captured?.networks, port.network_id);
		const subnet = find(captured?.subnets, fixed?.subnet_id);
		const { id, name, cidr, ip_version, gateway_ip } = subnet ?? {};
		return {
			mac_address: port.mac_address,
			ip_address: fixed?.ip_address ?? null,
			network: { id: port.network_id, name: network?.name ?? "", subnet: { id, name, cidr, ip_version, gateway_ip } },
		};
	});
}

function securityGroupsView(facts: Captured, captured: CapturedMetadata | null) {
	const ids = new Set(facts.ports.flatMap((port) => (port.security_groups as string[] | undefined) ?? []));
	const groups = captured?.security_groups.filter((group) => ids.has(String(group.id))) ?? [];
	return groups.map(({ name }) => ({ name, security_group_type: "neutron" }));
}

function volumeView(facts: Captured | undefined, volumeId: string | null) {
	if (volumeId === null) return facts?.image ? { image_id: facts.image.id, image_name: facts.image.name } : {};
	const volume = facts?.volumes.find((one) => one.volume.id === volumeId)?.volume;
	if (!volume) return {};
	const { name, size, volume_type, availability_zone } = volume;
	return { volume_name: name, volume_size: size, volume_type, availability_zone };
}
