import { collect } from "#openstack/collect.ts";
import { listServerNames } from "#openstack/nova.ts";
import type { Client } from "./client.ts";
import { isUuid, pickOne } from "./find.ts";

/** Ids of the instances that a user named. Ids are believed; names are looked up in Nova, once for all of them. */
export const instanceIds = async (client: Client, wanted: readonly string[]): Promise<string[]> => {
	if (wanted.every(isUuid)) return [...wanted];
	const servers = await collect(listServerNames(client.session));
	return wanted.map((one) => (isUuid(one) ? one : pickOne(servers, "instance", one).id));
};
