import { randomBytes } from "node:crypto";
import { constants, copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { layOutTrees } from "#demo/files.ts";
import { run } from "#demo/run.ts";

const mib = 1 << 20;

/** One state of the disk, and where it differs from the one before. */
export type Day = { image: string; changedFile: string; changedBytes: number };
export type Workload = { first: string; second: Day; clone: string; diskBytes: number; dataBytes: number };

export type WorkloadSize = { dataMib: number; diskMib: number };
export const sizes: Record<"quick" | "whole", WorkloadSize> = {
	quick: { dataMib: 600, diskMib: 1024 },
	whole: { dataMib: 2600, diskMib: 4096 },
};

/** Small numbers from a seed: every run changes the same places. */
const draws = (seed: number) => (below: number) => {
	seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
	return Math.floor((seed / 0x80000000) * below);
};

/**
 * A disk of this machine's own files, 8 KiB database-like pages and incompressible media; a day of changes with known
 * extents (page writes all over, a log that grows, content that moves); and a clone with differences of its own.
 */
export async function makeWorkload(folder: string, { dataMib, diskMib }: WorkloadSize): Promise<Workload> {
	mkdirSync(folder, { recursive: true });
	const tree = join(folder, "tree");
	rmSync(tree, { recursive: true, force: true });
	layOutTrees("/usr", [{ folder: tree, bytes: Math.round(dataMib * 0.85) * mib }]);
	writeFileSync(join(tree, "media"), randomBytes(Math.round(dataMib * 0.06) * mib));
	writeFileSync(join(tree, "database"), pages(Math.round(dataMib * 0.09) * mib));
	const first = join(folder, "day1.raw");
	rmSync(first, { force: true });
	await run("mkfs.ext4", ["-q", "-F", "-i", "8192", "-m", "0", "-d", tree, first, `${diskMib}M`]);
	rmSync(tree, { recursive: true, force: true });
	const diskBytes = diskMib * mib;
	const second = await change(first, join(folder, "day2.raw"), diskBytes, 0.06, 2);
	const { image: clone } = await change(first, join(folder, "clone.raw"), diskBytes, 0.1, 3);
	return { first, second, clone, diskBytes, dataBytes: dataMib * mib };
}

/** Pages that compress as a database's do: a header, rows of text, free space. */
function pages(bytes: number): Buffer {
	const out = Buffer.alloc(bytes);
	const draw = draws(7);
	for (let at = 0; at < bytes; at += 8192) {
		out.write(`page ${at} lsn ${draw(1 << 30)}`, at);
		for (let row = 0; row < 60; row++) {
			out.write(`id=${draw(1e9)} name=customer-${draw(1e5)} balance=${draw(1e6)}`, at + 64 + row * 96);
		}
	}
	return out;
}

async function change(from: string, to: string, diskBytes: number, share: number, seed: number): Promise<Day> {
	copyFileSync(from, to, constants.COPYFILE_FICLONE);
	const draw = draws(seed);
	const file = await open(to, "r+");
	const extents: { offset: number; length: number }[] = [];
	let left = Math.round(diskBytes * share * 0.5);
	while (left > 0) {
		const kind = draw(3);
		const length = kind === 0 ? 8192 : kind === 1 ? 256 * 1024 : 1024 * 1024;
		const offset = draw(Math.floor(diskBytes / 4096) - 256) * 4096;
		const data = Buffer.alloc(length);
		// Content that moved: the same bytes at another place.
		if (kind === 2) await file.read(data, 0, length, draw(Math.floor(diskBytes / 4096) - 256) * 4096);
		else pages(length).copy(data);
		if (kind === 0) randomBytes(512).copy(data);
		await file.write(data, 0, length, offset);
		extents.push({ offset, length });
		left -= length;
	}
	await file.sync();
	await file.close();
	const changedFile = `${to}.changed.json`;
	writeFileSync(changedFile, JSON.stringify(extents));
	return { image: to, changedFile, changedBytes: extents.reduce((sum, { length }) => sum + length, 0) };
}
