import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import * as hostFiles from "node:fs/promises";
import { dirname, join } from "node:path";
import { isVaultError, VaultError } from "../errors.ts";
import { type GetOptions, isTargetKey, maxObjectBytes, type PutOptions, type Target } from "../target.ts";
import { fileError } from "./file-error.ts";

/** Its presence says that this folder was prepared on purpose and that the file system holding it is mounted. */
const markerName = ".holdfast-target";
const temporaryFolder = ".part";
/** Long enough for a slow NFS server to fail over, short enough that a run notices. */
const defaultDeadlineMs = 5 * 60_000;

export type FileTargetOptions = {
	/** Makes the folder and its marker if they are not there. For the first time only: it defeats the mount check. */
	create?: boolean;
	deadlineMs?: number;
	/** Calls of `node:fs/promises`; another disk for drills. */
	files?: Files;
};

/** What a file target needs of a file system. */
export type Files = Pick<typeof hostFiles, "link" | "mkdir" | "open" | "readdir" | "rename" | "stat" | "unlink">;
type FileHandle = hostFiles.FileHandle;

/**
 * Objects as files of one folder (local disk or NFS). A put is: temporary file, fsync, link (if absent) or rename,
 * fsync of the folder. Files of `a/bcd` lie in `a/bc/bcd`, so that no folder grows too large. The marker is looked
 * for before each put: an NFS export that went away is never filled in its mount point.
 */
export function fileTarget(folder: string, options: FileTargetOptions = {}): Target {
	const description = `folder ${folder}`;
	const deadlineMs = options.deadlineMs ?? defaultDeadlineMs;
	const files = options.files ?? hostFiles;
	const { link, mkdir, readdir, rename, stat, unlink } = files;
	const knownFolders = new Set<string>();
	let prepared: Promise<void> | undefined;

	const prepare = () => {
		prepared ??= (options.create === true ? createFolder(files, folder) : Promise.resolve()).catch((error: unknown) => {
			prepared = undefined;
			throw fileError(error, description);
		});
		return prepared;
	};

	async function checkMounted(): Promise<void> {
		await prepare();
		try {
			await stat(join(folder, markerName));
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
			const sentence = `The ${description} is missing, or not prepared as a target: its file system may not be mounted.`;
			throw new VaultError("TARGET_MISSING", sentence, { cause: error });
		}
	}

	/** `isLate` turns true when the caller has been told that the call failed. */
	async function guarded<T>(
		key: string,
		signal: AbortSignal | undefined,
		work: (isLate: () => boolean) => Promise<T>,
	): Promise<T> {
		if (!isTargetKey(key.replace(/\/$/, ""))) throw new VaultError("BAD_ARGUMENT", `"${key}" is no key of a target.`);
		if (signal?.aborted) throw new VaultError("ABORTED", "The work was stopped.", { cause: signal.reason });
		let timer: NodeJS.Timeout | undefined;
		let over = false;
		const late = new Promise<never>((_, reject) => {
			const seconds = Math.round(deadlineMs / 1000);
			const give = () => {
				over = true;
				reject(new VaultError("TARGET_UNREACHABLE", `The ${description} did not answer within ${seconds} seconds.`));
			};
			timer = setTimeout(give, deadlineMs);
		});
		try {
			return await Promise.race([work(() => over), late]);
		} catch (error) {
			throw isVaultError(error) ? error : fileError(error, description, key);
		} finally {
			clearTimeout(timer);
		}
	}

	async function makeFolder(path: string): Promise<void> {
		if (knownFolders.has(path) || path === folder) return;
		await makeFolder(dirname(path));
		try {
			await mkdir(path, { mode: 0o700 });
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
		}
		// Also where it is there: whoever made it may not have come to this yet.
		await syncFolder(files, dirname(path));
		knownFolders.add(path);
	}

	async function put(
		key: string,
		body: readonly Uint8Array[],
		{ ifAbsent, isLate }: PutOptions & { isLate: () => boolean },
	): Promise<void> {
		await checkMounted();
		const path = pathOf(folder, key);
		const temporary = join(folder, temporaryFolder, randomBytes(16).toString("hex"));
		await makeFolder(dirname(path));
		await makeFolder(dirname(temporary));
		try {
			await writeDurably(files, temporary, body);
			// The caller may use its buffers again since then: what was written can be anything.
			if (isLate()) return;
			if (ifAbsent === true) await link(temporary, path);
			else await rename(temporary, path);
		} catch (error) {
			// Callers rely on what is there, and its own put may not have come so far, or have died here.
			if ((error as NodeJS.ErrnoException).code === "EEXIST") await syncFolder(files, dirname(path));
			throw error;
		} finally {
			await unlink(temporary).catch(() => {});
		}
		await syncFolder(files, dirname(path));
	}

	/** Only what is not there may be left out of a list: an object that is overlooked counts as deleted for a collection. */
	async function* list(prefix: string): AsyncIterable<{ key: string; sizeBytes: number }> {
		await guarded(prefix, undefined, checkMounted);
		const unlessGone = <T>(otherwise: T, work: () => Promise<T>): Promise<T> =>
			guarded(prefix, undefined, () =>
				work().catch((error: NodeJS.ErrnoException) => {
					if (error.code === "ENOENT") return otherwise;
					throw error;
				}),
			);
		const names = async (path: string) => (await unlessGone([], () => readdir(path))).sort();
		for (const shard of await names(join(folder, prefix))) {
			for (const name of await names(join(folder, prefix, shard))) {
				const info = await unlessGone(undefined, () => stat(join(folder, prefix, shard, name)));
				if (info?.isFile()) yield { key: prefix + name, sizeBytes: info.size };
			}
		}
		// Unmounted on the way, the rest looked absent.
		await guarded(prefix, undefined, checkMounted);
	}

	/** Absent objects are NOT_FOUND only on a target that is there. */
	async function present<T>(work: () => Promise<T>): Promise<T> {
		await prepare();
		try {
			return await work();
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code === "ENOENT") await checkMounted();
			throw error;
		}
	}

	return {
		description,
		capabilities: { conditionalPut: true, atomicPut: true, listAfterWrite: true, objectLock: false },
		put: (key, body, putOptions = {}) =>
			guarded(key, putOptions.signal, (isLate) => put(key, body, { ...putOptions, isLate })),
		get: (key, getOptions = {}) =>
			guarded(key, getOptions.signal, () => present(() => readPart(files, pathOf(folder, key), getOptions))),
		head: (key) =>
			guarded(key, undefined, () => present(async () => ({ sizeBytes: (await stat(pathOf(folder, key))).size }))),
		list,
		delete: (key) =>
			guarded(key, undefined, async () => {
				await checkMounted();
				const path = pathOf(folder, key);
				try {
					await unlink(path);
				} catch (error) {
					if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
				}
				// Also where it is gone: whoever took it away may have died before this.
				await syncFolder(files, dirname(path)).catch((error: NodeJS.ErrnoException) => {
					if (error.code !== "ENOENT") throw error;
				});
			}),
	};
}

function pathOf(folder: string, key: string): string {
	const parts = key.split("/");
	const name = parts.pop() as string;
	return parts.length === 0 ? join(folder, name) : join(folder, ...parts, name.slice(0, 2), name);
}

async function createFolder(files: Files, folder: string): Promise<void> {
	const first = await files.mkdir(folder, { recursive: true, mode: 0o700 });
	const marker = await files.open(join(folder, markerName), "a", 0o600);
	try {
		await marker.sync();
	} finally {
		await marker.close();
	}
	await syncFolder(files, folder);
	// Every folder that was made on the way; at least the last one, which a process that died may have made.
	const highest = dirname(first ?? folder);
	for (let path = folder; path !== highest; ) {
		path = dirname(path);
		await syncFolder(files, path).catch(() => {}); // The parent may be closed to us: then it is not ours to sync.
	}
}

async function writeDurably(files: Files, path: string, body: readonly Uint8Array[]): Promise<void> {
	const file = await files.open(path, "wx", 0o600);
	try {
		for (const part of body) {
			for (let done = 0; done < part.length; ) {
				done += (await file.write(part, done, part.length - done)).bytesWritten;
			}
		}
		await file.sync();
	} finally {
		await file.close();
	}
}

async function syncFolder(files: Files, path: string): Promise<void> {
	const handle = await files.open(path, constants.O_RDONLY | constants.O_DIRECTORY);
	try {
		await handle.sync();
	} finally {
		await handle.close();
	}
}

async function readPart(files: Files, path: string, options: GetOptions): Promise<Uint8Array> {
	const file = await files.open(path, "r");
	try {
		const { size } = await file.stat();
		const { range } = options;
		if (range === undefined && size > maxObjectBytes) {
			throw new VaultError("DAMAGED", `${path} has ${size} bytes: no object that is read whole is so large.`);
		}
		const start = range === undefined ? 0 : "last" in range ? Math.max(0, size - range.last) : range.offset;
		const length = range === undefined ? size : "last" in range ? range.last : range.length;
		return await readFully(file, start, Math.max(0, Math.min(length, size - start)));
	} finally {
		await file.close();
	}
}

async function readFully(file: FileHandle, start: number, length: number): Promise<Uint8Array> {
	const bytes = Buffer.allocUnsafe(length);
	let done = 0;
	while (done < length) {
		const { bytesRead } = await file.read(bytes, done, length - done, start + done);
		if (bytesRead === 0) break;
		done += bytesRead;
	}
	return bytes.subarray(0, done);
}
