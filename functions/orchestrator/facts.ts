import { collect } from "#openstack/collect.ts";
import { isOpenStackError } from "#openstack/error.ts";
import { getImage } from "#openstack/glance.ts";
import { listNetworks, listSecurityGroups } from "#openstack/neutron.ts";
import { type Flavor, getKeypair, getServer, listAvailabilityZones, listFlavors } from "#openstack/nova.ts";
import type { Session } from "#openstack/session.ts";
import type { CapturedMetadata } from "#schemas/capture.ts";

/** What the cloud has now, as far as a restore's plan depends on it. Ids, but for key pairs and zones. */
export type CloudFacts = {
	flavors: readonly Flavor[];
	servers: ReadonlySet<string>;
	images: ReadonlySet<string>;
	networks: ReadonlySet<string>;
	securityGroups: ReadonlySet<string>;
	keypairs: ReadonlySet<string>;
	zones: ReadonlySet<string>;
};

export async function readFacts(session: Session, captured: CapturedMetadata): Promise<CloudFacts> {
	const { instances } = captured;
	const named = (pick: (instance: (typeof instances)[number]) => unknown) =>
		[...new Set(instances.map(pick).filter((value) => typeof value === "string" && value !== ""))] as string[];
	const present = async (names: string[], read: (name: string) => Promise<unknown>) => {
		const found = new Set<string>();
		for (const name of names) if (await exists(() => read(name))) found.add(name);
		return found;
	};
	const zones = await listAvailabilityZones(session);
	return {
		flavors: await collect(listFlavors(session)),
		servers: await present(
			instances.map(({ id }) => id),
			(id) => getServer(session, id),
		),
		images: await present(
			// An empty string where the instance boots from a volume.
			named(({ server }) => (server.image as { id?: string } | undefined)?.id),
			(id) => getImage(session, id),
		),
		networks: new Set((await collect(listNetworks(session))).map(({ id }) => id)),
		securityGroups: new Set((await collect(listSecurityGroups(session))).map(({ id }) => id)),
		keypairs: await present(
			named(({ server }) => server.key_name),
			(name) => getKeypair(session, name),
		),
		zones: new Set(zones.filter(({ zoneState }) => zoneState.available).map(({ zoneName }) => zoneName)),
	};
}

async function exists(read: () => Promise<unknown>): Promise<boolean> {
	try {
		await read();
		return true;
	} catch (error) {
		if (isOpenStackError(error, "not-found")) return false;
		throw error;
	}
}
