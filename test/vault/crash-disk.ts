import { constants } from "node:fs";
import type { Files } from "#vault/targets/file.ts";

/**
 * A disk that can lose power. What was written to a file is safe once the file was fsynced; a name (made, moved or
 * removed) once its folder was. A file that was never fsynced is lost, though its name may be there.
 */
export type CrashDisk = {
	files: Files;
	/** The disk as it comes up again after losing power now. `survives` decides on what was not fsynced. */
	afterCrash(survives: () => boolean): CrashDisk;
	/** Called before each call; may throw, as a process that is killed does nothing more. */
	before: (call: string) => void | Promise<void>;
};

type File = { kind: "file"; bytes: Buffer; safe: Buffer | undefined };
type Folder = { kind: "folder"; names: Map<string, Node>; safe: Map<string, Node> };
type Node = File | Folder;

const newFolder = (): Folder => ({ kind: "folder", names: new Map(), safe: new Map() });

export function newCrashDisk(root: Folder = newFolder()): CrashDisk {
	function find(path: string): Node {
		let node: Node = root;
		for (const name of path.split("/").filter((part) => part !== "")) {
			const next: Node | undefined = node.kind === "folder" ? node.names.get(name) : undefined;
			if (next === undefined) throw failure("ENOENT", path);
			node = next;
		}
		return node;
	}

	function parentOf(path: string): { names: Map<string, Node>; name: string } {
		const cut = path.lastIndexOf("/");
		const folder = find(path.slice(0, cut));
		if (folder.kind !== "folder") throw failure("ENOTDIR", path);
		return { names: folder.names, name: path.slice(cut + 1) };
	}

	function makeOne(path: string): void {
		const { names, name } = parentOf(path);
		if (names.has(name)) throw failure("EEXIST", path);
		names.set(name, newFolder());
	}

	/** Like the real one, names the first folder that was made. */
	function makeAll(path: string): string | undefined {
		let first: string | undefined;
		const parts = path.split("/").slice(1);
		for (const [i] of parts.entries()) {
			const part = `/${parts.slice(0, i + 1).join("/")}`;
			const { names, name } = parentOf(part);
			if (names.has(name)) continue;
			makeOne(part);
			first ??= part;
		}
		return first;
	}

	function handle(node: Node) {
		const bytesOf = () => (node.kind === "file" ? node.bytes : Buffer.alloc(0));
		return {
			async write(part: Uint8Array, offset: number, length: number) {
				await disk.before("write");
				(node as File).bytes = Buffer.concat([bytesOf(), part.subarray(offset, offset + length)]);
				return { bytesWritten: length };
			},
			async read(into: Uint8Array, offset: number, length: number, position: number) {
				const part = bytesOf().subarray(position, position + length);
				into.set(part, offset);
				return { bytesRead: part.length };
			},
			stat: async () => ({ size: bytesOf().length }),
			async sync() {
				await disk.before("sync");
				if (node.kind === "file") node.safe = node.bytes;
				else node.safe = new Map(node.names);
			},
			close: async () => {},
		};
	}

	const files = {
		async mkdir(path: string, { recursive = false } = {}) {
			await disk.before("mkdir");
			return recursive ? makeAll(path) : makeOne(path);
		},
		async open(path: string, flags: string | number) {
			if (flags === "r" || flags === (constants.O_RDONLY | constants.O_DIRECTORY)) return handle(find(path));
			await disk.before("open");
			const { names, name } = parentOf(path);
			if (names.has(name) && flags === "wx") throw failure("EEXIST", path);
			const node = names.get(name) ?? { kind: "file", bytes: Buffer.alloc(0), safe: undefined };
			names.set(name, node);
			return handle(node);
		},
		async link(from: string, to: string) {
			await disk.before("link");
			const { names, name } = parentOf(to);
			if (names.has(name)) throw failure("EEXIST", to);
			names.set(name, find(from));
		},
		async rename(from: string, to: string) {
			await disk.before("rename");
			const [old, next] = [parentOf(from), parentOf(to)];
			next.names.set(next.name, find(from));
			old.names.delete(old.name);
		},
		async unlink(path: string) {
			await disk.before("unlink");
			find(path);
			const { names, name } = parentOf(path);
			names.delete(name);
		},
		async readdir(path: string) {
			return [...(find(path) as Folder).names.keys()];
		},
		async stat(path: string) {
			const node = find(path);
			return { size: node.kind === "file" ? node.bytes.length : 0, isFile: () => node.kind === "file" };
		},
	};

	const disk: CrashDisk = {
		files: files as unknown as Files,
		before: () => {},
		afterCrash: (survives) => newCrashDisk(folderAfter(root, survives)),
	};
	return disk;
}

function folderAfter(folder: Folder, survives: () => boolean): Folder {
	const after = newFolder();
	for (const name of new Set([...folder.safe.keys(), ...folder.names.keys()])) {
		const [safe, now] = [folder.safe.get(name), folder.names.get(name)];
		const node = safe === now || !survives() ? safe : now;
		const kept = node?.kind === "folder" ? folderAfter(node, survives) : node && fileAfter(node, survives);
		if (kept === undefined) continue;
		after.names.set(name, kept);
		after.safe.set(name, kept);
	}
	return after;
}

function fileAfter({ bytes, safe }: File, survives: () => boolean): File | undefined {
	const kept = safe === bytes || !survives() ? safe : bytes;
	return kept && { kind: "file", bytes: kept, safe: kept };
}

function failure(code: string, path: string): NodeJS.ErrnoException {
	return Object.assign(new Error(`${code}: ${path}`), { code });
}
