import { createHash } from "node:crypto";
import { access, readlink } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import {
	createVolume,
	deleteVolume,
	getAttachment,
	getVolume,
	listAttachments,
	listVolumeTypes,
} from "#openstack/cinder.ts";
import { collect } from "#openstack/collect.ts";
import { listNetworks, listPorts, listSecurityGroups } from "#openstack/neutron.ts";
import {
	attachVolume,
	createServer,
	deleteServer,
	detachVolume,
	getServer,
	listAvailabilityZones,
	listInterfaces,
	listServerSecurityGroups,
	listVolumeAttachments,
	startServer,
	stopServer,
} from "#openstack/nova.ts";
import { waitForGone, waitForStatus } from "#openstack/wait.ts";
import { imageInfo } from "#test/cloud/qemu.ts";
import { openTarget, type Target } from "./target.ts";

let target: Target;
test.before(async () => {
	target = await openTarget();
});
test.after.always(() => target?.stop());

const wait = { timeoutMs: 60_000, pollMs: 50 };
const gibBytes = 1024 ** 3;

test("a server and a volume live and die, with real disks under them", async (t) => {
	const session = target.session();
	const { imageId, flavorId, cloud } = target;
	const [network] = await collect(listNetworks(session, { "router:external": false }));
	const networks = network ? [{ uuid: network.id }] : ("none" as const);
	const { id } = await createServer(session, {
		name: "life",
		imageRef: imageId,
		flavorRef: flavorId,
		networks,
		metadata: { a: "b" },
	});
	const server = () => getServer(session, id);
	const active = await waitForStatus(server, ["ACTIVE"], { ...wait, what: `server ${id}` });
	t.like(active, { name: "life", image: { id: imageId }, metadata: { a: "b" }, config_drive: "", key_name: null });
	t.truthy(active.flavor.original_name, "2.47 and later embed the flavor");
	t.truthy(active["OS-EXT-SRV-ATTR:host"], "administrators see the host");
	t.regex(active["OS-EXT-SRV-ATTR:instance_name"] ?? "", /^instance-[0-9a-f]{8}$/);
	t.true((await listAvailabilityZones(session)).some((zone) => zone.zoneState.available));

	const [plug] = await listInterfaces(session, id);
	const [port] = await collect(listPorts(session, { device_id: id }));
	t.is(plug?.port_id, port?.id);
	t.deepEqual(plug?.fixed_ips, port?.fixed_ips);
	t.is(active.addresses[network?.name ?? ""]?.[0]?.addr, port?.fixed_ips[0]?.ip_address);
	const groups = await listServerSecurityGroups(session, id);
	t.deepEqual(
		groups.map((group) => group.id),
		port?.security_groups ?? [],
	);
	t.true((await collect(listSecurityGroups(session))).some((group) => group.id === groups[0]?.id));

	const { id: volumeId } = await createVolume(session, { size: 1, name: "data" });
	const volume = () => getVolume(session, volumeId);
	await waitForStatus(volume, ["available"], { ...wait, what: `volume ${volumeId}` });
	const { device } = await attachVolume(session, id, { volumeId });
	t.is(device, "/dev/vdb");
	const used = await waitForStatus(volume, ["in-use"], { ...wait, what: `volume ${volumeId}` });
	t.like(used.attachments[0], { server_id: id, device: "/dev/vdb" });
	t.like((await listVolumeAttachments(session, id))[0], { volumeId, device: "/dev/vdb", delete_on_termination: false });
	t.is((await server())["os-extended-volumes:volumes_attached"]?.[0]?.id, volumeId);
	await t.throwsAsync(deleteVolume(session, volumeId), { message: /must be available/ });

	const [summary] = await collect(listAttachments(session, { instance_id: id }));
	t.like(summary, { volume_id: volumeId, instance: id, status: "attached" });
	const { connection_info: connection } = await getAttachment(session, summary?.id ?? "");
	if (cloud) {
		const folder = cloud.hostFolder(active["OS-EXT-SRV-ATTR:host"] ?? "");
		t.like(connection, { driver_volume_type: "nfs", format: "raw", name: `volume-${volumeId}` });
		const mount = join(
			folder,
			"mnt",
			createHash("md5")
				.update(connection.export ?? "")
				.digest("hex"),
		);
		t.is(`localhost:${await readlink(mount)}`, connection.export ?? "");
		const data = await imageInfo(join(mount, connection.name ?? ""));
		t.like(data, { format: "raw", "virtual-size": gibBytes });
		t.is(cloud.diskPath(id, "/dev/vdb"), join(await readlink(mount), connection.name ?? ""));

		const root = await imageInfo(join(folder, "instances", id, "disk"));
		const base = join(folder, "instances", "_base", createHash("sha1").update(imageId).digest("hex"));
		const backing = { "backing-filename": base, "backing-filename-format": "raw" };
		t.like(root, { format: "qcow2", "virtual-size": gibBytes, ...backing });
		t.is((await imageInfo(base)).format, "raw");
	}

	await stopServer(session, id);
	await waitForStatus(server, ["SHUTOFF"], { ...wait, what: `server ${id}` });
	t.like(await t.throwsAsync(stopServer(session, id)), { kind: "conflict", code: "conflictingRequest" });
	await startServer(session, id);
	await waitForStatus(server, ["ACTIVE"], { ...wait, what: `server ${id}` });

	t.is(await detachVolume(session, id, volumeId), "accepted");
	await waitForStatus(volume, ["available"], { ...wait, what: `volume ${volumeId}` });
	t.is(await detachVolume(session, id, volumeId), "gone");
	t.is(await deleteServer(session, id), "accepted");
	await waitForGone(server, { ...wait, what: `server ${id}` });
	// A real Nova forgets a server in two places, one after the other: GET knows before DELETE does.
	t.true(["gone", "accepted"].includes(await deleteServer(session, id)));
	t.deepEqual(await collect(listPorts(session, { device_id: id })), []);
	t.is(await deleteVolume(session, volumeId), "accepted");
	await waitForGone(volume, { ...wait, what: `volume ${volumeId}` });
	if (cloud) await t.throwsAsync(access(join(cloud.hostFolder("compute-1"), "instances", id)), { code: "ENOENT" });
});

test("a volume type decides the format of the file", async (t) => {
	const { cloud } = target;
	if (!cloud) return t.pass("Only the demo cloud has this type.");
	const session = target.session();
	t.true((await collect(listVolumeTypes(session))).some((type) => type.name === "nfs-qcow2"));
	const server = await cloud.seedServer({ name: "q", project: "demo", flavor: "m1.nano", imageId: target.imageId });
	const volume = await cloud.seedVolume({ name: "q", project: "demo", size: 1, type: "nfs-qcow2" });
	const device = await cloud.seedAttachment(server.id, volume.id);
	const { path, format } = cloud.disk(server.id, device);
	t.is(format, "qcow2");
	t.like(await imageInfo(path), { format: "qcow2", "virtual-size": gibBytes });
});

test("a server that boots from a new volume has no disk of its own", async (t) => {
	const { cloud, imageId, flavorId } = target;
	if (!cloud) return t.pass("Not on a cloud that is not ours.");
	const session = target.session();
	const block_device_mapping_v2 = [
		{
			boot_index: 0,
			source_type: "image",
			destination_type: "volume",
			uuid: imageId,
			volume_size: 1,
			delete_on_termination: true,
		} as const,
	];
	const { id } = await createServer(session, {
		name: "bfv",
		flavorRef: flavorId,
		networks: "none",
		block_device_mapping_v2,
	});
	const server = await waitForStatus(() => getServer(session, id), ["ACTIVE"], { ...wait, what: `server ${id}` });
	t.is(server.image, "");
	const [attached] = await listVolumeAttachments(session, id);
	t.like(attached, { device: "/dev/vda", delete_on_termination: true });
	const volume = await getVolume(session, attached?.volumeId ?? "");
	t.like(volume, { bootable: "true", status: "in-use", size: 1 });
	t.is((await imageInfo(cloud.diskPath(id, "/dev/vda")))["virtual-size"], gibBytes);
	await deleteServer(session, id);
	await waitForGone(() => getVolume(session, volume.id), { ...wait, what: `volume ${volume.id}` });
});

test("a server that cannot be built ends in ERROR and says why", async (t) => {
	const { cloud, imageId } = target;
	if (!cloud) return t.pass("Not on a cloud that is not ours.");
	const session = target.session();
	const flavor = { name: "swapping", vcpus: 1, ram: 64, disk: 1, swap: 64 };
	await session.request("compute", "POST", "/flavors", { body: { flavor: { ...flavor, id: "swapping" } } });
	const { id } = await createServer(session, { name: "x", imageRef: imageId, flavorRef: "swapping", networks: "none" });
	const built = waitForStatus(() => getServer(session, id), ["ACTIVE"], { ...wait, what: `server ${id}` });
	const error = await t.throwsAsync(built);
	t.like(error, { kind: "server-error" });
	t.regex(error?.message ?? "", /went to ERROR: .*no ephemeral or swap/);
});

test("a wait ends at its deadline and at its signal", async (t) => {
	const read = async () => ({ status: "BUILD" });
	const late = await t.throwsAsync(waitForStatus(read, ["ACTIVE"], { what: "server x", timeoutMs: 120, pollMs: 20 }));
	t.like(late, { kind: "timeout", message: "server x is still BUILD, not ACTIVE, after 0.12 s." });
	const signal = AbortSignal.timeout(50);
	const stopped = await t.throwsAsync(waitForGone(read, { what: "server x", timeoutMs: 60_000, signal }));
	t.like(stopped, { kind: "cancelled" });
});
