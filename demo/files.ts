import { constants, copyFileSync, type Dirent, linkSync, lstatSync, mkdirSync, readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";

/** A file of the machine that goes into a demo disk. */
type RealFile = { path: string; bytes: number };

/** Regular, readable files below `folder`, in a stable order. Links, devices and other file systems' oddities stay out. */
function* realFiles(folder: string): Generator<RealFile> {
	let entries: Dirent[];
	try {
		entries = readdirSync(folder, { withFileTypes: true });
	} catch {
		return; // A folder that this user may not read is no loss.
	}
	for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
		const path = join(folder, entry.name);
		if (entry.isDirectory()) yield* realFiles(path);
		else if (entry.isFile()) {
			const { size, mode } = lstatSync(path);
			if (size > 0 && mode & constants.S_IROTH) yield { path, bytes: size };
		}
	}
}

/**
 * A hard link costs nothing; where there can be none (another file system, another owner) the bytes are copied. A file
 * that is given again is copied always: mke2fs stores two links of one file once.
 */
const place = (from: string, to: string, again: boolean): void => {
	mkdirSync(dirname(to), { recursive: true });
	if (!again) {
		try {
			linkSync(from, to);
			return;
		} catch {}
	}
	copyFileSync(from, to, constants.COPYFILE_FICLONE);
};

/**
 * Lays out trees of real files: tree after tree is filled from `source` until it holds its number of bytes. A machine
 * with a small `source` gives its files again under another top folder, so the trees are always full.
 */
export const layOutTrees = (source: string, trees: readonly { folder: string; bytes: number }[]): void => {
	let round = 0;
	let files = realFiles(source);
	for (const { folder, bytes } of trees) {
		let left = bytes;
		let placedInRound = 0;
		while (left > 0) {
			const next = files.next();
			if (next.done) {
				if (placedInRound === 0 && round > 0) throw new Error(`There are no readable files below ${source}.`);
				round++;
				placedInRound = 0;
				files = realFiles(source);
				continue;
			}
			const file = next.value;
			place(file.path, join(folder, `usr-${round}`, relative(source, file.path)), round > 0);
			left -= file.bytes;
			placedInRound++;
		}
	}
};
