import { collect } from "#openstack/collect.ts";
import {
	createEndpoint,
	createService,
	type Endpoint,
	listEndpoints,
	listServices,
	updateEndpoint,
} from "#openstack/keystone.ts";
import type { Session } from "#openstack/session.ts";

/** The two services that Holdfast adds to a cloud's catalog, with the names that T4O's clients look for. */
const services = {
	workloads: {
		name: "TrilioVaultWLM",
		description: "Holdfast: backup and recovery of workloads",
		path: "/v1/$(tenant_id)s",
	},
	datamover: { name: "dmapi", description: "Holdfast: jobs for the datamover agents", path: "/v2" },
} as const;

const interfaces = ["public", "internal", "admin"] as const satisfies Endpoint["interface"][];

/**
 * Puts `workloads` and `datamover` into the catalog, each with public, internal and admin URLs, and corrects those
 * that are there with another URL. Safe to repeat. `session` needs the admin role. URLs are without a path.
 */
export const registerEndpoints = async (
	session: Session,
	{ region, urls }: { region: string; urls: Record<keyof typeof services, string> },
): Promise<void> => {
	for (const [type, { name, description, path }] of Object.entries(services)) {
		const wanted = urls[type as keyof typeof services].replace(/\/$/, "") + path;
		const found = (await collect(listServices(session, { type })))[0];
		const service = found ?? (await createService(session, { type, name, description }));
		const endpoints = await collect(listEndpoints(session, { service_id: service.id, region_id: region }));
		for (const side of interfaces) {
			const existing = endpoints.find((endpoint) => endpoint.interface === side);
			if (!existing) {
				await createEndpoint(session, { service_id: service.id, interface: side, url: wanted, region_id: region });
			} else if (existing.url !== wanted) {
				await updateEndpoint(session, existing.id, { url: wanted });
			}
		}
	}
};
