import { OpenStackError } from "./error.ts";

export type EndpointInterface = "public" | "internal" | "admin";
export type CatalogEndpoint = {
	id?: string;
	interface: EndpointInterface;
	region?: string | null;
	region_id?: string | null;
	url: string;
};
export type CatalogEntry = { id?: string; type: string; name?: string; endpoints: CatalogEndpoint[] };
export type Catalog = CatalogEntry[];

/** Official service type → names real catalogs use for it, best first (service-types-authority). */
const aliases: Record<string, readonly string[]> = {
	"block-storage": ["block-storage", "volumev3", "block-store", "volume"],
};

/** Where an unversioned catalog URL has to lead. Services whose catalog URL carries a version keep theirs. */
const versionPaths: Record<string, string> = {
	identity: "/v3",
	compute: "/v2.1",
	"block-storage": "/v3",
	image: "/v2",
	network: "/v2.0",
	"key-manager": "/v1",
};

/** The names a catalog may list `serviceType` under; the official name first. */
export function serviceTypesOf(serviceType: string): readonly string[] {
	for (const names of Object.values(aliases)) {
		if (names.includes(serviceType)) return names;
	}
	return [serviceType];
}

/**
 * Chooses an endpoint by service type (or alias), interface and region, as a base URL without trailing slash that
 * already carries the API version (and, for block storage, the project).
 * Throws `not-found` with what the catalog does have when nothing fits.
 */
export function endpointOf(
	catalog: Catalog,
	wanted: {
		serviceType: string;
		interface: EndpointInterface;
		region?: string | undefined;
		projectId?: string | undefined;
	},
): string {
	const types = serviceTypesOf(wanted.serviceType);
	for (const type of types) {
		for (const entry of catalog) {
			if (entry.type !== type) continue;
			const endpoint = entry.endpoints.find(
				(one) =>
					one.interface === wanted.interface &&
					(wanted.region === undefined || wanted.region === (one.region_id ?? one.region)),
			);
			if (endpoint) return versionedBase(wanted.serviceType, endpoint.url, wanted.projectId);
		}
	}
	const inRegion = wanted.region === undefined ? "" : ` in region ${wanted.region}`;
	const known = catalog.map((entry) => entry.type).join(", ") || "nothing";
	throw new OpenStackError({
		service: "identity",
		status: 0,
		kind: "not-found",
		code: "endpoint-not-found",
		message: `The service catalog has no ${wanted.interface} endpoint for ${wanted.serviceType}${inRegion}; it lists ${known}. Check the region and interface, or set an endpoint override.`,
	});
}

/** Adds the version (and Cinder's project) that a catalog URL leaves out; leaves any other URL as it is. */
export function versionedBase(serviceType: string, url: string, projectId?: string): string {
	const official = serviceTypesOf(serviceType)[0] ?? serviceType;
	let base = url.replace(/\/+$/, "");
	const version = versionPaths[official];
	if (version !== undefined && !/\/v\d+(\.\d+)?(\/|$)/.test(new URL(base).pathname)) base += version;
	if (official === "block-storage" && projectId !== undefined && /\/v\d+$/.test(base)) base += `/${projectId}`;
	return base;
}
