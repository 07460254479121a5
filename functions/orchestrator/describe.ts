import { inParallel } from "#functions/adapter/parallel.ts";
import { getVolume, type Volume } from "#openstack/cinder.ts";
import { collect } from "#openstack/collect.ts";
import { isOpenStackError } from "#openstack/error.ts";
import { getImage } from "#openstack/glance.ts";
import { getNetwork, getRouter, getSecurityGroup, getSubnet, listPorts, type Port } from "#openstack/neutron.ts";
import {
	type Flavor,
	getServer,
	listFlavors,
	listInterfaces,
	listVolumeAttachments,
	type Server,
} from "#openstack/nova.ts";
import type { Session } from "#openstack/session.ts";
import type { CapturedMetadata } from "#schemas/capture.ts";
import { bootsFromVolume } from "./locate.ts";
import { CannotDo } from "./step.ts";

type CapturedInstance = CapturedMetadata["instances"][number];
type Row = Record<string, unknown>;

/** Instances and resources that are asked for at a time. */
const askedAtOnce = 4;

/** Nova's document. Throws `CannotDo`, with the text T4O's clients know, for one that is gone. */
export async function readServer(session: Session, id: string): Promise<Server> {
	try {
		return await getServer(session, id);
	} catch (error) {
		if (!isOpenStackError(error, "not-found")) throw error;
		throw new CannotDo(`Unable to find Virtual Machine '${id}' in nova inventory`);
	}
}

/** What a restore needs to know of an instance besides its disks' bytes, as the services say it. */
export async function describeInstance(
	session: Session,
	server: Server,
	flavors: readonly Flavor[],
): Promise<CapturedInstance> {
	const interfaces = await listInterfaces(session, server.id);
	const ports = await collect(listPorts(session, { device_id: server.id }));
	const order = interfaces.map(({ port_id }) => port_id);
	ports.sort((a, b) => order.indexOf(a.id) - order.indexOf(b.id));
	const attached = await listVolumeAttachments(session, server.id);
	const volumes = await inParallel(attached, askedAtOnce, async ({ volumeId, device }) => {
		const volume: Volume = await getVolume(session, volumeId);
		const boots = bootsFromVolume(server) && device === server["OS-EXT-SRV-ATTR:root_device_name"];
		return {
			device: (device ?? "").replace(/^\/dev\//, ""),
			boot_index: boots ? 0 : -1,
			volume: volume as unknown as Row,
		};
	});
	return {
		id: server.id,
		server: server as unknown as Row,
		flavor: flavorRow(server, flavors),
		image: server.image === "" ? null : await readImage(session, server.image.id),
		ports: ports as unknown as Row[],
		volumes,
	};
}

/** A server shows the numbers of its flavor, not its id; the id is of the flavor that is still equal to them. */
function flavorRow({ flavor }: Server, flavors: readonly Flavor[]): Row {
	const equal = flavors.find(
		(one) =>
			one.name === flavor.original_name &&
			one.vcpus === flavor.vcpus &&
			one.ram === flavor.ram &&
			one.disk === flavor.disk,
	);
	return { ...flavor, id: equal?.id ?? null };
}

async function readImage(session: Session, id: string): Promise<Row | null> {
	return orNull(() => getImage(session, id));
}

export type Surroundings = Pick<CapturedMetadata, "networks" | "subnets" | "routers" | "security_groups">;

/** Networks, subnets, routers and security groups that these instances use. What is gone meanwhile is left out. */
export async function describeSurroundings(
	session: Session,
	instances: readonly CapturedInstance[],
): Promise<Surroundings> {
	const ports = instances.flatMap((instance) => instance.ports as unknown as Port[]);
	const unique = (ids: (string | undefined)[]) =>
		[...new Set(ids.filter((id) => id !== undefined && id !== ""))] as string[];
	const all = async (ids: string[], read: (session: Session, id: string) => Promise<unknown>) =>
		(await inParallel(ids, askedAtOnce, (id) => orNull(() => read(session, id)))).filter((row) => row !== null);
	const networkIds = unique(ports.map((port) => port.network_id));
	const interfaces =
		networkIds.length === 0
			? []
			: await collect(listPorts(session, { network_id: networkIds, device_owner: routerInterfaces }));
	return {
		networks: await all(networkIds, getNetwork),
		subnets: await all(unique(ports.flatMap((port) => port.fixed_ips.map((ip) => ip.subnet_id))), getSubnet),
		routers: await all(unique(interfaces.map((port) => port.device_id)), getRouter),
		security_groups: await all(unique(ports.flatMap((port) => port.security_groups)), getSecurityGroup),
	};
}

/** Owners of a router's port on a network: plain, distributed, highly available. */
const routerInterfaces = [
	"network:router_interface",
	"network:router_interface_distributed",
	"network:ha_router_replicated_interface",
];

/** Every flavor that the project may use, for `describeInstance`. */
export const readFlavors = (session: Session): Promise<Flavor[]> => collect(listFlavors(session));

async function orNull(read: () => Promise<unknown>): Promise<Row | null> {
	try {
		return (await read()) as Row;
	} catch (error) {
		if (isOpenStackError(error, "not-found")) return null;
		throw error;
	}
}
