import { collect } from "#openstack/collect.ts";
import { listNetworks } from "#openstack/neutron.ts";
import type { Client } from "../client.ts";
import { usage } from "../failure.ts";
import { isUuid, type Named, pickOne } from "../find.ts";
import type { Snapshot } from "../snapshot/view.ts";

export type NetworkMapping = { snapshot_network: { id: string }; target_network: { id: string } };

/**
 * `OLD:NEW` pairs as the API wants them. The old one is an id or a name of the snapshot's networks, the new one of the
 * project's. Throws a sentence.
 */
export const mapNetworks = async (
	client: Client,
	snapshot: Snapshot,
	pairs: readonly string[],
): Promise<NetworkMapping[]> => {
	const captured = snapshot.instances.flatMap(({ nics = [] }) => nics.flatMap(({ network }) => network ?? []));
	let present: Named[] | undefined;
	const mappings: NetworkMapping[] = [];
	for (const pair of pairs) {
		const [from, to, ...more] = pair.split(":");
		if (!from || !to || more.length > 0) throw usage(`--network takes OLD:NEW, not ${pair}.`);
		if (!isUuid(to)) present ??= await collect(listNetworks(client.session));
		mappings.push({
			snapshot_network: { id: isUuid(from) ? from : pickOne(unique(captured), "network of the snapshot", from).id },
			target_network: { id: isUuid(to) ? to : pickOne(present ?? [], "network", to).id },
		});
	}
	return mappings;
};

const unique = (networks: readonly Named[]): Named[] => [...new Map(networks.map((one) => [one.id, one])).values()];
