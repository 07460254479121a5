import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import type { Environment } from "../cli.ts";
import { usage } from "../failure.ts";
import { authNames, cloudNames, overrideNames, type Settings } from "./settings.ts";

type Mapping = Record<string, unknown>;
type Place = { environment: Environment; cwd: string; home: string };

/** openstacksdk's order: the first file that exists is the one. */
const foldersOf = ({ cwd, home }: Place): string[] => [cwd, join(home, ".config", "openstack"), "/etc/openstack"];

const isMapping = (value: unknown): value is Mapping =>
	typeof value === "object" && value !== null && !Array.isArray(value);

const readFirst = (place: Place, name: "clouds" | "secure", chosen: string | undefined): Mapping | undefined => {
	const paths = chosen
		? [chosen]
		: foldersOf(place).flatMap((folder) => [join(folder, `${name}.yaml`), join(folder, `${name}.yml`)]);
	const path = paths.find((candidate) => existsSync(candidate));
	if (path === undefined) {
		if (chosen) throw usage(`There is no file ${chosen}.`);
		return undefined;
	}
	let read: unknown;
	try {
		read = parse(readFileSync(path, "utf8"), { merge: true });
	} catch (error) {
		throw usage(`${path} cannot be read: ${(error as Error).message.split("\n")[0]}`);
	}
	const clouds = isMapping(read) ? read.clouds : undefined;
	if (!isMapping(clouds)) throw usage(`${path} has no mapping "clouds".`);
	return clouds;
};

/** `over` wins; mappings are merged key by key. */
const mergeDeep = (under: Mapping, over: Mapping): Mapping => {
	const merged = { ...under };
	for (const [key, value] of Object.entries(over)) {
		const below = merged[key];
		merged[key] = isMapping(below) && isMapping(value) ? mergeDeep(below, value) : value;
	}
	return merged;
};

/**
 * All clouds of `clouds.yaml` with the secrets of `secure.yaml` put in; each from the first of the working folder,
 * `~/.config/openstack` and `/etc/openstack` that has it, or from `OS_CLIENT_CONFIG_FILE` and `OS_CLIENT_SECURE_FILE`.
 * Throws a sentence for a file that is not readable YAML.
 */
export const readClouds = (place: Place): Map<string, Settings> => {
	const { OS_CLIENT_CONFIG_FILE: config, OS_CLIENT_SECURE_FILE: secure } = place.environment;
	const clouds = readFirst(place, "clouds", config) ?? {};
	const secrets = readFirst(place, "secure", secure) ?? {};
	const settings = new Map<string, Settings>();
	for (const [name, cloud] of Object.entries(clouds)) {
		if (!isMapping(cloud)) continue;
		const secret = secrets[name];
		settings.set(name, settingsOf(isMapping(secret) ? mergeDeep(cloud, secret) : cloud));
	}
	return settings;
};

const settingsOf = (cloud: Mapping): Settings => {
	const auth = isMapping(cloud.auth) ? cloud.auth : {};
	const settings: Settings = {};
	const take = (name: keyof Settings, value: unknown): void => {
		if (value !== undefined && value !== null) settings[name] = String(value);
	};
	for (const name of authNames) take(name, auth[name] ?? cloud[name]);
	for (const name of [...cloudNames, ...overrideNames]) take(name, cloud[name]);
	take("interface", cloud.interface ?? cloud.endpoint_type);
	return settings;
};
