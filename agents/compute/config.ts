import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { parse } from "yaml";
import { minMemoryMibPerSlot } from "./budget.ts";
import { type Identity, readIdentity } from "./identity.ts";
import { BadOption, readOptions } from "./options.ts";
import { readTargets, type TargetConfig } from "./target-config.ts";

/** The agent's options; docs/agent.md explains each. */
export type Config = {
	/** The host as Nova knows it. */
	host: string;
	statePath: string;
	instancesPath: string;
	mountPointBase: string;
	/** Where libvirt listens; undefined: this agent protects stopped instances only. */
	libvirtUri: string | undefined;
	/** Holds what running guests overwrite during their backups. */
	scratchPath: string;
	/** Of the disks' files, how much space must be free there before a backup begins. */
	scratchPercent: number;
	targets: Record<string, TargetConfig>;
	/** Jobs at a time. */
	slots: number;
	memoryMib: number;
	/** Of all jobs together; undefined is as fast as it goes. */
	bandwidthMibPerS: number | undefined;
	datamoverUrl: string | undefined;
	identity: Identity;
};

const defaults = {
	statePath: "/var/lib/holdfast/agent",
	instancesPath: "/var/lib/nova/instances",
	mountPointBase: "/var/lib/nova/mnt",
	libvirtUri: "qemu:///system",
	scratchPath: "/var/lib/holdfast/scratch",
	scratchPercent: 20,
	slots: 2,
	memoryMib: 256,
} as const;

const mostSlots = 64;
const mostMemoryMib = 1024 * 1024;
const mostMibPerS = 1024 * 1024;
/** Checks parsed YAML and the `OS_*` environment. Throws `BadOption` with the first thing that is wrong. */
export const readConfig = (source: unknown, environment: Record<string, string | undefined>): Config => {
	const options = readOptions(source, "");
	const libvirtUri = options.text("libvirt_uri") ?? defaults.libvirtUri;
	const slots = options.integer("slots", { least: 1, most: mostSlots, otherwise: defaults.slots });
	const config: Config = {
		host: options.text("host") ?? hostname(),
		statePath: options.path("state_path") ?? defaults.statePath,
		instancesPath: options.path("instances_path") ?? defaults.instancesPath,
		mountPointBase: options.path("mount_point_base") ?? defaults.mountPointBase,
		libvirtUri: libvirtUri === "none" ? undefined : libvirtUri,
		scratchPath: options.path("scratch_path") ?? defaults.scratchPath,
		scratchPercent: options.integer("scratch_percent", { least: 1, most: 100, otherwise: defaults.scratchPercent }),
		targets: readTargets(options.take("targets")),
		slots,
		memoryMib: options.integer("memory_mib", {
			...{ least: slots * minMemoryMibPerSlot, most: mostMemoryMib },
			otherwise: Math.max(defaults.memoryMib, slots * minMemoryMibPerSlot),
		}),
		// Zero means no limit, as in most tools.
		bandwidthMibPerS:
			options.integer("bandwidth_mib_per_s", { least: 0, most: mostMibPerS, otherwise: 0 }) || undefined,
		datamoverUrl: options.text("datamover_url"),
		identity: readIdentity(readOptions(options.take("auth") ?? {}, "auth"), environment),
	};
	if (config.datamoverUrl !== undefined && !/^https?:\/\/./.test(config.datamoverUrl)) {
		throw new BadOption("datamover_url must start with http:// or https:// and end with the version, /v2.");
	}
	options.rest();
	return config;
};

/** Reads a YAML file. Throws `BadOption`. */
export const loadConfig = (path: string, environment: Record<string, string | undefined>): Config => {
	let source: unknown;
	try {
		source = parse(readFileSync(path, "utf8"));
	} catch (error) {
		throw new BadOption(`The configuration ${path} cannot be read: ${(error as Error).message.split("\n")[0]}`);
	}
	return readConfig(source ?? {}, environment);
};
