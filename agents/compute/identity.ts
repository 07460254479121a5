import type { PasswordAuth } from "#openstack/auth.ts";
import type { EndpointInterface } from "#openstack/catalog.ts";
import { BadOption, type OptionReader } from "./options.ts";

/** Who the agent is in Keystone: a service user. */
export type Identity = {
	authUrl: string;
	auth: PasswordAuth;
	region: string | undefined;
	interface: EndpointInterface | undefined;
};

const interfaces: readonly string[] = ["public", "internal", "admin"] satisfies EndpointInterface[];

/**
 * From the `auth` section, each option overridden by its `OS_*` variable. Throws `BadOption` with the name of what is
 * missing.
 */
export const readIdentity = (section: OptionReader, environment: Record<string, string | undefined>): Identity => {
	const get = (option: string): string | undefined => {
		const inFile = section.text(option);
		return environment[`OS_${option.toUpperCase()}`] || inFile;
	};
	const need = (option: string): string => {
		const value = get(option);
		if (value !== undefined) return value;
		throw new BadOption(`auth.${option} must be given, in the configuration or as OS_${option.toUpperCase()}.`);
	};
	const authUrl = need("auth_url");
	if (!/^https?:\/\/./.test(authUrl)) throw new BadOption("auth.auth_url must start with http:// or https://.");
	const userDomain = get("user_domain_name") ?? "Default";
	const projectDomain = get("project_domain_name") ?? "Default";
	const side = get("interface");
	if (side !== undefined && !interfaces.includes(side)) {
		throw new BadOption(`auth.interface must be one of ${interfaces.join(", ")}, not ${side}.`);
	}
	const identity: Identity = {
		authUrl,
		auth: {
			method: "password",
			user: { name: need("username"), domain: { name: userDomain } },
			password: need("password"),
			project: { name: need("project_name"), domain: { name: projectDomain } },
		},
		region: get("region_name"),
		interface: side as EndpointInterface | undefined,
	};
	section.rest();
	return identity;
};
