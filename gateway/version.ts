import { type ServiceName, services } from "./service.ts";

type VersionDocument = { id: string; status: "CURRENT"; links: { rel: string; href: string }[] };

/** OpenStack version discovery (API-SIG, "version discovery"). `origin` is how the caller reached us. */
export const versionOf = (name: ServiceName, origin: string): VersionDocument => {
	const { prefix, version } = services[name];
	return { id: version, status: "CURRENT", links: [{ rel: "self", href: `${origin}${prefix}/` }] };
};
