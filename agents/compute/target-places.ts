import { readFileSync, statSync } from "node:fs";
import { mkdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import type { TargetCapabilities } from "#vault/target.ts";
import { type OpenedTarget, openTarget, type TargetPlace } from "#vault/targets/open.ts";
import { probeTarget } from "#vault/targets/probe.ts";
import { AgentError } from "./errors.ts";
import type { FileTargetConfig, S3TargetConfig, TargetConfig } from "./target-config.ts";
import { withinDeadline } from "./within.ts";

/** A project's place on a target: checked, and ready to hold a vault. */
export type ProjectPlace = {
	/** Equal for equal places. */
	id: string;
	keyFile: string;
	/** False where no vault can be, because nothing is there. */
	exists(): Promise<boolean>;
	open(options: { create: boolean }): Promise<OpenedTarget>;
};

/** Finds the places of projects on the configured targets. A store is probed once in an agent's life. */
export const newTargetPlaces = (targets: Record<string, TargetConfig>) => {
	const probes = new Map<string, Promise<TargetCapabilities>>();

	const capabilitiesOf = (targetId: string, config: S3TargetConfig): Promise<TargetCapabilities> => {
		let probe = probes.get(targetId);
		if (probe === undefined) {
			const place = s3Place(config, undefined);
			const make = (capabilities: Partial<TargetCapabilities>) => openTarget(place, { capabilities });
			probe = probeTarget(make).then(({ capabilities }) => capabilities);
			probes.set(targetId, probe);
			probe.catch(() => probes.delete(targetId));
		}
		return probe;
	};

	return async (targetId: string, projectId: string): Promise<ProjectPlace> => {
		const config = targets[targetId];
		if (!config) throw new AgentError("TARGET_UNKNOWN", { target: targetId });
		if (config.type === "file") {
			await withinDeadline(config.path, checkMounted(targetId, config));
			return filePlace(config, projectId);
		}
		const place = s3Place(config, projectId);
		return {
			id: `${targetId}/${projectId}`,
			keyFile: config.keyFile,
			exists: async () => true,
			open: async () => openTarget(place, { capabilities: await capabilitiesOf(targetId, config) }),
		};
	};
};

const filePlace = ({ path, keyFile }: FileTargetConfig, projectId: string): ProjectPlace => {
	const folder = join(path, "vaults", projectId);
	return {
		id: folder,
		keyFile,
		exists: () => withinDeadline(folder, isThere(folder)),
		async open({ create }) {
			if (create) await mkdir(dirname(folder), { recursive: true, mode: 0o700 });
			return openTarget({ type: "file", path: folder, create });
		},
	};
};

const isThere = (path: string): Promise<boolean> =>
	stat(path).then(
		() => true,
		(error) => {
			if (error.code === "ENOENT") return false;
			throw error;
		},
	);

/** A folder whose device is its parent's is no mount point, or its file system is not mounted. */
const checkMounted = async (target: string, { path, mountedOnly }: FileTargetConfig): Promise<void> => {
	const missing = new AgentError("TARGET_NOT_MOUNTED", { target, path });
	const [here, above] = await Promise.all([stat(path), stat(dirname(path))]).catch(() => {
		throw missing;
	});
	if (!here?.isDirectory() || (mountedOnly && here.dev === above?.dev)) throw missing;
};

const s3Place = (config: S3TargetConfig, projectId: string | undefined): TargetPlace => {
	const { bucket, endpoint, region, pathStyle, credentialsFile } = config;
	const prefix = [config.prefix, ...(projectId === undefined ? ["probes"] : ["vaults", projectId])];
	return {
		type: "s3",
		bucket,
		prefix: prefix.filter((part) => part !== undefined).join("/"),
		...(endpoint !== undefined && { endpoint }),
		...(region !== undefined && { region }),
		...(pathStyle !== undefined && { pathStyle }),
		...(credentialsFile !== undefined && { credentials: readCredentials(credentialsFile) }),
	};
};

/** Throws CREDENTIALS_FILE. */
const readCredentials = (path: string): { accessKeyId: string; secretAccessKey: string } => {
	let content: Record<string, unknown>;
	try {
		if ((statSync(path).mode & 0o077) !== 0) {
			throw new Error(`others than its owner may read it; run: chmod 600 ${path}`);
		}
		content = parse(readFileSync(path, "utf8")) ?? {};
	} catch (error) {
		throw new AgentError("CREDENTIALS_FILE", { path, reason: (error as Error).message.split("\n")[0] ?? "" });
	}
	const { access_key: accessKeyId, secret_key: secretAccessKey } = content;
	if (typeof accessKeyId !== "string" || typeof secretAccessKey !== "string") {
		throw new AgentError("CREDENTIALS_FILE", {
			path,
			reason: "it must have the lines access_key: … and secret_key: …",
		});
	}
	return { accessKeyId, secretAccessKey };
};
