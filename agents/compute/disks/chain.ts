import { stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { AgentError } from "../errors.ts";
import { type DiskFile, type DiskFormat, realFileBelow } from "./locate.ts";
import { readQcow2Header } from "./qcow2.ts";

/** One file of an image's backing chain, as it was when the chain was resolved. */
export type Layer = { path: string; format: DiskFormat; state: LayerState };
type LayerState = { dev: bigint; ino: bigint; size: bigint; mtimeNs: bigint };

/** Deep chains are slow, and a loop has no end. */
const maxLayers = 64;

const stateOf = async (path: string): Promise<LayerState | undefined> => {
	try {
		const { dev, ino, size, mtimeNs } = await stat(path, { bigint: true });
		return { dev, ino, size, mtimeNs };
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
		throw error;
	}
};

const headerOf = async (path: string) => {
	try {
		return await readQcow2Header(path);
	} catch (cause) {
		const denied = (cause as NodeJS.ErrnoException).code === "EACCES";
		if (denied) throw new AgentError("DISK_DENIED", { path }, { cause });
		throw new AgentError("DISK_UNSUPPORTED", { path, reason: (cause as Error).message }, { cause });
	}
};

/** The layer below, or undefined at the end of the chain. Everything a header could lead us into is refused here. */
const below = async (path: string, backingFolders: readonly string[]): Promise<DiskFile | undefined> => {
	const header = await headerOf(path);
	const unsupported = (reason: string) => new AgentError("DISK_UNSUPPORTED", { path, reason });
	if (!header) throw unsupported("it should be qcow2 and is not");
	if (header.externalData) throw unsupported("its data is in another file");
	if (header.encrypted) throw unsupported("it is encrypted, which is not supported yet");
	const { backingFile, backingFormat } = header;
	if (backingFile === undefined) return undefined;
	// QEMU would take `json:…`, `nbd:…` and the like as something other than a file.
	if (/^[^/]*:/.test(backingFile)) {
		throw new AgentError("DISK_REFUSED", { path, reason: `its backing file is "${backingFile}"` });
	}
	if (backingFormat !== "raw" && backingFormat !== "qcow2") {
		const advice = "name it with qemu-img rebase -u -F";
		throw unsupported(
			backingFormat === undefined
				? `it does not say the format of its backing file; ${advice}`
				: `its backing file's format ${backingFormat} is not raw or qcow2`,
		);
	}
	const real = await realFileBelow(resolve(dirname(path), backingFile), backingFolders);
	return { path: real, format: backingFormat, backingFolders: [...backingFolders] };
};

/** All files of an image, the active one first. Throws DISK_REFUSED, DISK_UNSUPPORTED, DISK_MISSING, DISK_DENIED. */
export const resolveChain = async (disk: DiskFile): Promise<Layer[]> => {
	const layers: Layer[] = [];
	for (let next: DiskFile | undefined = disk; next; ) {
		const { path, format }: DiskFile = next;
		if (layers.length === maxLayers) {
			throw new AgentError("DISK_UNSUPPORTED", { path: disk.path, reason: `it has more than ${maxLayers} layers` });
		}
		const state = await stateOf(path);
		if (!state) throw new AgentError("DISK_MISSING", { path });
		layers.push({ path, format, state });
		next = format === "qcow2" ? await below(path, disk.backingFolders) : undefined;
	}
	return layers;
};

/**
 * QEMU's description of the chain with every file and format said, so that QEMU follows no name that is written in an
 * image and probes nothing.
 */
export const blockNode = (layers: readonly Layer[], aio: string): Record<string, unknown> => {
	const [top, ...rest] = layers;
	if (!top) throw new Error("A chain has at least one layer.");
	const file = { driver: "file", filename: top.path, aio };
	if (top.format === "raw") return { driver: "raw", file };
	return { driver: "qcow2", file, backing: rest.length > 0 ? blockNode(rest, aio) : null };
};

/**
 * Makes sure that the files are still what they were when the chain was resolved. A truncated file reads as zeroes, so
 * this is what keeps a short read from becoming a backup. Only the active layer's time is compared: Nova touches the
 * files of its image cache. Throws DISK_VANISHED, DISK_SHRUNK, DISK_CHANGED.
 */
export const checkUnchanged = async (layers: readonly Layer[]): Promise<void> => {
	for (const [depth, { path, state }] of layers.entries()) {
		const now = await stateOf(path);
		if (!now || now.dev !== state.dev || now.ino !== state.ino) throw new AgentError("DISK_VANISHED", { path });
		if (now.size < state.size) {
			throw new AgentError("DISK_SHRUNK", { path, before: String(state.size), after: String(now.size) });
		}
		const touched = depth === 0 && now.mtimeNs !== state.mtimeNs;
		if (now.size !== state.size || touched) throw new AgentError("DISK_CHANGED", { path });
	}
};
