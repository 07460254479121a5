/** The two services behind the gateway: each has an address of its own, as in T4O, and one version. */
export const services = {
	workloads: { prefix: "/v1", version: "v1.0" },
	datamover: { prefix: "/v2", version: "v2.0" },
} as const;

export type ServiceName = keyof typeof services;

/** Whether a path of the document is served at the address of `name`. `/` and `/healthcheck` are at both. */
export const serves = (name: ServiceName, path: string): boolean => {
	const other = Object.values(services).some(({ prefix }) => prefix !== services[name].prefix && below(path, prefix));
	return !other;
};

const below = (path: string, prefix: string): boolean => path === prefix || path.startsWith(`${prefix}/`);
