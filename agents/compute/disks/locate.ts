import { createHash } from "node:crypto";
import { readFile, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import type { DiskLocator } from "#schemas/locator.ts";
import { AgentError } from "../errors.ts";
import { readQcow2Header } from "./qcow2.ts";

/** Folders that the operator configured; nothing outside of them is ever opened. */
export type DiskFolders = { instancesPath: string; mountPointBase: string };

export type DiskFormat = "raw" | "qcow2";

/** A disk's file on this host. Paths are real: free of symbolic links. */
export type DiskFile = {
	path: string;
	format: DiskFormat;
	/** Its backing files must be below one of these. */
	backingFolders: string[];
};

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

/** The real path, or an error of ours that names the path as it was asked for. */
const resolveReal = async (path: string): Promise<string> => {
	try {
		return await realpath(path);
	} catch (cause) {
		const missing = ["ENOENT", "ENOTDIR"].includes(codeOf(cause) ?? "");
		throw new AgentError(missing ? "DISK_MISSING" : "DISK_DENIED", { path }, { cause });
	}
};

/**
 * The real path of a regular file that lies below one of `folders` (real paths) once all symbolic links are followed.
 * Throws DISK_MISSING, DISK_DENIED, DISK_REFUSED.
 */
export const realFileBelow = async (path: string, folders: readonly string[]): Promise<string> => {
	const real = await resolveReal(path);
	if (!folders.some((folder) => real.startsWith(folder + sep))) {
		throw new AgentError("DISK_REFUSED", { path, reason: `it leads to ${real}` });
	}
	if (!(await stat(real)).isFile()) throw new AgentError("DISK_REFUSED", { path, reason: "it is not a regular file" });
	return real;
};

/** Nova's own record beside the disks, path → format. It is out of a guest's reach, unlike the disk's first bytes. */
const recordedFormat = async (folder: string, serverId: string, file: string): Promise<string | undefined> => {
	const path = join(folder, "disk.info");
	let record: Record<string, unknown>;
	try {
		record = JSON.parse(await readFile(path, "utf8"));
	} catch (cause) {
		if (codeOf(cause) === "ENOENT") return undefined;
		throw new AgentError("DISK_UNSUPPORTED", { path, reason: `it is not readable JSON (${cause})` }, { cause });
	}
	const entry = Object.entries(record).find(([name]) => name.endsWith(`/${serverId}/${file}`));
	return entry && String(entry[1]);
};

const sniffFormat = async (path: string): Promise<DiskFormat> => {
	try {
		return (await readQcow2Header(path)) ? "qcow2" : "raw";
	} catch (cause) {
		if (codeOf(cause) === "EACCES") throw new AgentError("DISK_DENIED", { path }, { cause });
		throw new AgentError("DISK_UNSUPPORTED", { path, reason: (cause as Error).message }, { cause });
	}
};

/**
 * Nova: `<instances_path>/<server id>/<file>`, format from Nova's `disk.info`, else from the first bytes. A backing
 * file may only be in Nova's image cache or in the instance's own folder, so that a guest who forges a qcow2 header on
 * its raw disk cannot name another tenant's disk or a file of the host.
 */
const locateNova = async (
	{ server_id, file }: DiskLocator & { kind: "nova" },
	{ instancesPath }: DiskFolders,
): Promise<DiskFile> => {
	const root = await resolveReal(instancesPath);
	const folder = join(root, server_id);
	const path = await realFileBelow(join(folder, file), [folder]);
	const format = (await recordedFormat(folder, server_id, file)) ?? (await sniffFormat(path));
	if (format !== "raw" && format !== "qcow2") {
		throw new AgentError("DISK_UNSUPPORTED", { path, reason: `its format ${format} is not raw or qcow2` });
	}
	return { path, format, backingFolders: [join(root, "_base"), folder] };
};

/**
 * Cinder's NFS driver: `<mount_point_base>/<md5 of the export>/<name>`, as os-brick mounts it; format from Cinder. The
 * mount folder itself may be a link that the operator made.
 */
const locateCinder = async (
	locator: DiskLocator & { kind: "cinder-nfs" },
	{ mountPointBase }: DiskFolders,
): Promise<DiskFile> => {
	const mount = createHash("md5").update(locator.export).digest("hex");
	if (/^\.+$/.test(locator.name)) {
		throw new AgentError("DISK_REFUSED", { path: locator.name, reason: "that is not the name of a file" });
	}
	const folder = await resolveReal(join(mountPointBase, mount));
	const path = await realFileBelow(join(folder, locator.name), [folder]);
	return { path, format: locator.format, backingFolders: [folder] };
};

/** Turns a job's locator into a file below the operator's folders. Throws DISK_MISSING, DISK_REFUSED, DISK_UNSUPPORTED, DISK_DENIED. */
export const locateDisk = (locator: DiskLocator, folders: DiskFolders): Promise<DiskFile> =>
	locator.kind === "nova" ? locateNova(locator, folders) : locateCinder(locator, folders);

/** A locator in words, for sentences about a disk that has no path yet. */
export const describeLocator = (locator: DiskLocator): string =>
	locator.kind === "nova" ? `${locator.file} of instance ${locator.server_id}` : `${locator.name} on ${locator.export}`;
