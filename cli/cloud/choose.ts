import type { Environment } from "../cli.ts";
import { usage } from "../failure.ts";
import { readClouds } from "./clouds.ts";
import { overrideNames, type Settings, settingsOfEnvironment } from "./settings.ts";

/** What the environment may add to a named cloud that lacks it. */
const filling = ["password", "region_name", "interface", "cacert", ...overrideNames] as const;

type Asked = {
	/** `--os-cloud`. */
	cloud: string | undefined;
	/** Other `--os-*` options. */
	options: Settings;
	environment: Environment;
	cwd: string;
	home: string;
};

/**
 * Whose identity to use, in this order: the cloud that `--os-cloud` or `OS_CLOUD` names; the `OS_*` variables and options; the
 * only cloud in `clouds.yaml`. Options win over what was chosen. With a named cloud, of the environment only password,
 * region, interface, CA and overrides count: the rest would mix two identities. Throws a sentence when there is nothing to choose.
 */
export const chooseSettings = (asked: Asked): Settings => {
	const { options, environment } = asked;
	const variables = settingsOfEnvironment(environment);
	const named = asked.cloud ?? (environment.OS_CLOUD || undefined);
	if (named === undefined && (options.auth_url ?? variables.auth_url) !== undefined)
		return { ...variables, ...options };
	const clouds = readClouds(asked);
	const only = clouds.size === 1 ? [...clouds.keys()][0] : undefined;
	const name = named ?? only;
	if (name === undefined) {
		throw usage(
			clouds.size > 1
				? `clouds.yaml has ${[...clouds.keys()].join(", ")}; choose one with --os-cloud or OS_CLOUD.`
				: "No cloud is chosen: set OS_AUTH_URL and its companions, or write a clouds.yaml and use --os-cloud.",
		);
	}
	const cloud = clouds.get(name);
	if (cloud === undefined) {
		throw usage(`There is no cloud ${name} in clouds.yaml; it has ${[...clouds.keys()].join(", ") || "none"}.`);
	}
	const fillings: Settings = {};
	for (const key of filling) {
		const value = variables[key];
		if (value !== undefined) fillings[key] = value;
	}
	return { ...fillings, ...cloud, ...options };
};
