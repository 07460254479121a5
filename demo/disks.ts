import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { layOutTrees } from "./files.ts";
import { run } from "./run.ts";

const mib = 1 << 20;

/** Together at least 2 GiB of real files. */
const baseFilesBytes = 1300 * mib;
const dataFilesBytes = 900 * mib;

/** File systems with room for the changes that the demo makes later. */
const baseImageMib = 2048;
const dataVolumeMib = 2048;

/** One inode per 8 KiB: /usr is full of small files, and mke2fs's default runs out of inodes. */
const bytesPerInode = 8192;

const makeFileSystem = async (image: string, tree: string, sizeMib: number, label: string): Promise<void> => {
	const partial = `${image}.partial`;
	rmSync(partial, { force: true });
	await run("mkfs.ext4", [
		...["-q", "-F", "-L", label, "-i", String(bytesPerInode), "-m", "0"],
		...["-d", tree, partial, `${sizeMib}M`],
	]);
	renameSync(partial, image);
};

/** Raw images that the demo's cloud starts from. Made once; a later run finds them. */
export type Images = { base: string; data: string };

/** Builds the images in `folder` from the machine's own files, without mounting anything. */
export const buildImages = async (folder: string, log: (line: string) => void): Promise<Images> => {
	const images = { base: join(folder, "base.raw"), data: join(folder, "data.raw") };
	if (existsSync(images.base) && existsSync(images.data)) return images;
	mkdirSync(folder, { recursive: true });
	const trees = join(folder, "trees");
	rmSync(trees, { recursive: true, force: true });
	log("building disks from this machine's /usr (once; later runs reuse them)");
	layOutTrees("/usr", [
		{ folder: join(trees, "base"), bytes: baseFilesBytes },
		{ folder: join(trees, "data"), bytes: dataFilesBytes },
	]);
	await makeFileSystem(images.base, join(trees, "base"), baseImageMib, "base");
	await makeFileSystem(images.data, join(trees, "data"), dataVolumeMib, "data");
	rmSync(trees, { recursive: true });
	return images;
};
