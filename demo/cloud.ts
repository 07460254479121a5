import { openAsBlob } from "node:fs";
import { join } from "node:path";
import { computeHost } from "#deploy/embedded/stack.ts";
import { createVolume, getAttachment, getVolume, listAttachments } from "#openstack/cinder.ts";
import { collect } from "#openstack/collect.ts";
import { listNetworks } from "#openstack/neutron.ts";
import {
	attachVolume,
	createFlavor,
	createServer,
	getServer,
	listVolumeAttachments,
	stopServer,
} from "#openstack/nova.ts";
import type { Session } from "#openstack/session.ts";
import { waitForStatus } from "#openstack/wait.ts";
import type { Images } from "./disks.ts";
import { run } from "./run.ts";

const gib = 2 ** 30;
const timeoutMs = 120_000;

/** Larger than the base image, as flavors are: the overlay ends beyond its backing file. */
const rootGib = 3;
const dataGib = 2;

/** One disk file on the compute host. */
export type Disk = { device: string; path: string; format: "raw" | "qcow2"; virtualBytes: number; base: string | null };
export type Instance = { id: string; name: string; disks: Disk[] };

/** Registers an image and sends its bytes, as `openstack image create` does. */
export const uploadImage = async (session: Session, name: string, path: string): Promise<string> => {
	const fields = { name, disk_format: "raw", container_format: "bare", visibility: "private" };
	const created = await session.request("image", "POST", "/images", { body: fields });
	const { id } = created.body as { id: string };
	const answer = await fetch(`${await session.endpoint("image")}/images/${id}/file`, {
		method: "PUT",
		headers: { "x-auth-token": (await session.token()).id, "content-type": "application/octet-stream" },
		body: await openAsBlob(path),
		signal: AbortSignal.timeout(timeoutMs),
	});
	if (answer.status !== 204)
		throw new Error(`The image could not be uploaded: ${answer.status} ${await answer.text()}`);
	return id;
};

/** Boots an instance and stops it: this version protects stopped instances. */
const createStopped = async (session: Session, name: string, imageRef: string, flavorRef: string): Promise<string> => {
	const network = (await collect(listNetworks(session))).find((one) => !one["router:external"]);
	const { id } = await createServer(session, {
		name,
		imageRef,
		flavorRef,
		networks: network ? [{ uuid: network.id }] : "none",
	});
	const read = () => getServer(session, id);
	await waitForStatus(read, ["ACTIVE"], { what: `server ${name}`, timeoutMs });
	await stopServer(session, id);
	await waitForStatus(read, ["SHUTOFF"], { what: `server ${name}`, timeoutMs });
	return id;
};

/** The files behind an instance's disks, where Nova and Cinder put them on the demo cloud's compute host. */
export const findDisks = async (admin: Session, cloudFolder: string, serverId: string): Promise<Disk[]> => {
	const root = join(cloudFolder, "hosts", computeHost, "instances", serverId, "disk");
	const info = JSON.parse(await run("qemu-img", ["info", "--output=json", root])) as {
		"virtual-size": number;
		"full-backing-filename"?: string;
	};
	const disks: Disk[] = [
		{
			device: "vda",
			path: root,
			format: "qcow2",
			virtualBytes: info["virtual-size"],
			base: info["full-backing-filename"] ?? null,
		},
	];
	for (const attachment of await listVolumeAttachments(admin, serverId)) {
		const [summary] = await collect(listAttachments(admin, { volume_id: attachment.volumeId, all_tenants: true }));
		if (!summary) throw new Error(`Cinder knows no attachment of volume ${attachment.volumeId}.`);
		const { connection_info: connection } = await getAttachment(admin, summary.id);
		const { export: share = "", name = "", format } = connection as { export?: string; name?: string; format?: string };
		disks.push({
			device: attachment.device?.replace("/dev/", "") ?? attachment.volumeId,
			path: join(share.slice(share.indexOf(":") + 1), name),
			format: format === "qcow2" ? "qcow2" : "raw",
			virtualBytes: (await getVolume(admin, attachment.volumeId)).size * gib,
			base: null,
		});
	}
	return disks;
};

/** Two instances of one image; the second has a data volume that is full of files too. */
export const createInstances = async (
	user: Session,
	admin: Session,
	images: Images,
	cloudFolder: string,
	log: (line: string) => void,
): Promise<Instance[]> => {
	const flavor = await createFlavor(admin, { name: "demo.root3", vcpus: 1, ram: 512, disk: rootGib });
	log("uploading the base image to Glance");
	const image = await uploadImage(user, "demo-base", images.base);
	log("creating two instances and a volume");
	const web = await createStopped(user, "web", image, flavor.id);
	const db = await createStopped(user, "db", image, flavor.id);
	const volume = await createVolume(user, { name: "db-data", size: dataGib });
	await waitForStatus(() => getVolume(user, volume.id), ["available"], { what: "volume db-data", timeoutMs });
	await attachVolume(user, db, { volumeId: volume.id });
	const instances = [
		{ id: web, name: "web", disks: await findDisks(admin, cloudFolder, web) },
		{ id: db, name: "db", disks: await findDisks(admin, cloudFolder, db) },
	];
	// What a guest would have written since: files on the data volume, a few blocks on the root disks.
	const data = instances[1]?.disks[1];
	if (!data) throw new Error("The volume is not attached.");
	await run("qemu-img", ["convert", "-n", "-f", "raw", "-O", data.format, images.data, data.path]);
	for (const { disks } of instances) {
		await run("qemu-io", ["-f", "qcow2", "-c", "write -q -P 90 1G 3M", disks[0]?.path ?? ""]);
	}
	return instances;
};
