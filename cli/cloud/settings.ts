/** Names as `clouds.yaml` has them under `auth`; `OS_…` in the environment, `--os-…` on the command line. */
export const authNames = [
	"auth_url",
	"username",
	"user_id",
	"user_domain_name",
	"user_domain_id",
	"password",
	"project_name",
	"project_id",
	"project_domain_name",
	"project_domain_id",
	"token",
	"application_credential_id",
	"application_credential_name",
	"application_credential_secret",
] as const;

/** Names as `clouds.yaml` has them beside `auth`. */
export const cloudNames = ["auth_type", "region_name", "interface", "cacert"] as const;

/** Where a service is, whatever the catalog says. */
export const overrideNames = ["workloads_endpoint_override", "datamover_endpoint_override"] as const;

type Name = (typeof authNames)[number] | (typeof cloudNames)[number] | (typeof overrideNames)[number];

/** One flat set of settings for one identity. */
export type Settings = { [name in Name]?: string };

export const settingNames: readonly Name[] = [...authNames, ...cloudNames, ...overrideNames];

/** `OS_*` variables; those of tenants are understood too, as OpenStack's own clients do. */
export const settingsOfEnvironment = (environment: Record<string, string | undefined>): Settings => {
	const settings: Settings = {};
	for (const name of settingNames) {
		const value = environment[`OS_${name.toUpperCase()}`];
		if (value) settings[name] = value;
	}
	const { OS_TENANT_NAME: name, OS_TENANT_ID: id, OS_ENDPOINT_TYPE: side } = environment;
	return {
		...(name && { project_name: name }),
		...(id && { project_id: id }),
		...(side && { interface: side }),
		...settings,
	};
};
