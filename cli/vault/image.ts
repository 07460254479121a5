import { execFile } from "node:child_process";
import type { FileHandle } from "node:fs/promises";
import { open } from "node:fs/promises";
import { promisify } from "node:util";
import { Failure } from "../failure.ts";

/** Ranges of a disk in bytes, ascending and apart. */
export type Extent = { offset: number; length: number };
export type Image = { path: string; sizeBytes: number; handle: FileHandle };

const run = promisify(execFile);
const longestMs = 10 * 60_000;
const mostOutputBytes = 512 * 1024 * 1024;

/** Opens a raw image or a block device for reading. Throws a sentence. */
export const openImage = async (path: string): Promise<Image> => {
	let handle: FileHandle;
	try {
		handle = await open(path, "r");
	} catch (error) {
		throw new Failure(`The image ${path} cannot be opened: ${(error as Error).message}.`, undefined, { cause: error });
	}
	const magic = Buffer.alloc(4);
	await handle.read(magic, 0, 4, 0);
	if (magic.toString("latin1") === "QFI\u00fb") {
		await handle.close();
		throw new Failure(`${path} is a qcow2 image; only raw ones are read. Run: qemu-img convert -O raw ${path} FILE`);
	}
	return { path, sizeBytes: await sizeOf(handle, path), handle };
};

/** A block device has no size of its own in `stat`. */
const sizeOf = async (handle: FileHandle, path: string): Promise<number> => {
	const info = await handle.stat();
	if (info.isFile()) return info.size;
	const { stdout } = await run("blockdev", ["--getsize64", path], { timeout: longestMs });
	return Number(stdout);
};

type MapEntry = { start: number; length: number; data: boolean; zero: boolean };

/** Where the image has data; holes are known to read as zero. The whole image where `qemu-img` cannot tell. */
export const dataExtents = async ({ path, sizeBytes }: Image): Promise<Extent[]> => {
	try {
		const map = ["map", "--output=json", "-f", "raw", path];
		const { stdout } = await run("qemu-img", map, { timeout: longestMs, maxBuffer: mostOutputBytes });
		const entries = JSON.parse(stdout) as MapEntry[];
		return entries.filter(({ data, zero }) => data && !zero).map(({ start, length }) => ({ offset: start, length }));
	} catch {
		return [{ offset: 0, length: sizeBytes }];
	}
};

/** Whole chunks that the extents touch, as ranges of chunk numbers. */
export const chunkRanges = (
	extents: readonly Extent[],
	chunkBytes: number,
	sizeBytes: number,
): { first: number; last: number }[] => {
	const ranges: { first: number; last: number }[] = [];
	for (const { offset, length } of extents.toSorted((one, other) => one.offset - other.offset)) {
		if (length <= 0 || offset >= sizeBytes) continue;
		const first = Math.floor(offset / chunkBytes);
		const last = Math.floor((Math.min(offset + length, sizeBytes) - 1) / chunkBytes);
		const before = ranges.at(-1);
		if (before !== undefined && first <= before.last + 1) before.last = Math.max(before.last, last);
		else ranges.push({ first, last });
	}
	return ranges;
};
