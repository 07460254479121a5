import { randomInt } from "node:crypto";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { run } from "./run.ts";

/** How much a day of use changes in the demo. */
const filesWritten = 12;
const filesDeleted = 40;
const randomWrites = 300;
const writeBytes = 4096;

/** Entries of a folder ("" is the root) in an ext4 image, from debugfs's `ls -p`: /inode/mode/uid/gid/name/size/. */
const listFolder = async (image: string, folder: string): Promise<{ files: string[]; folders: string[] }> => {
	const listing = await run("debugfs", ["-R", `ls -p ${folder || "/"}`, image]);
	const found: { files: string[]; folders: string[] } = { files: [], folders: [] };
	for (const line of listing.split("\n")) {
		const [, , mode, , , name] = line.split("/");
		if (!mode || !name || name === "." || name === ".." || /["\s]/.test(name)) continue;
		if (mode.startsWith("10")) found.files.push(`${folder}/${name}`);
		if (mode.startsWith("04")) found.folders.push(`${folder}/${name}`);
	}
	return found;
};

/** The first `count` regular files that a walk of the image meets, nearest to the root first. */
const someFiles = async (image: string, count: number): Promise<string[]> => {
	const files: string[] = [];
	const folders = [""];
	for (let folder = folders.shift(); folder !== undefined && files.length < count; folder = folders.shift()) {
		const entries = await listFolder(image, folder);
		files.push(...entries.files);
		folders.push(...entries.folders);
	}
	return files.slice(0, count);
};

/** Writes new files into, and deletes old ones from, the ext4 file system in a raw image, with debugfs. */
const changeFiles = async (image: string, label: string): Promise<void> => {
	const scratch = mkdtempSync(join(tmpdir(), "holdfast-change-"));
	try {
		const commands: string[] = [];
		for (let index = 0; index < filesWritten; index++) {
			const source = join(scratch, `note-${index}`);
			writeFileSync(source, `${label} note ${index} ${new Date().toISOString()}\n`.repeat(randomInt(100, 40_000)));
			commands.push(`write ${source} ${label}-note-${index}`);
		}
		commands.push(...(await someFiles(image, filesDeleted)).map((path) => `rm ${path}`));
		const script = join(scratch, "commands");
		writeFileSync(script, `${commands.join("\n")}\n`);
		await run("debugfs", ["-w", "-f", script, image]);
	} finally {
		rmSync(scratch, { recursive: true, force: true });
	}
};

/** Random 4 KiB writes all over the disk, as a database makes them, through qemu-io. */
const writeRandomly = async (image: string, format: "raw" | "qcow2", virtualBytes: number): Promise<void> => {
	const commands = Array.from({ length: randomWrites }, () => {
		const offset = randomInt(Math.floor(virtualBytes / writeBytes)) * writeBytes;
		return ["-c", `write -q -P ${randomInt(1, 256)} ${offset} ${writeBytes}`];
	});
	await run("qemu-io", ["-f", format, ...commands.flat(), image]);
};

/** Changes a raw disk that holds an ext4 file system: files come and go, blocks are overwritten. */
export const changeRawDisk = async (image: string, virtualBytes: number, label: string): Promise<void> => {
	await changeFiles(image, label);
	await writeRandomly(image, "raw", virtualBytes);
};

/**
 * The same for a qcow2 overlay on a raw base, as Nova makes them. debugfs wants a raw image, so the files are changed
 * in a flat copy; `qemu-img rebase` then writes what differs from the base into a new overlay, which takes the old
 * one's place.
 */
export const changeOverlay = async (
	overlay: string,
	base: string,
	virtualBytes: number,
	label: string,
): Promise<void> => {
	const scratch = mkdtempSync(join(dirname(overlay), "change-"));
	const flat = join(scratch, "flat.raw");
	const next = join(scratch, "next.qcow2");
	try {
		await run("qemu-img", ["convert", "-f", "qcow2", "-O", "raw", overlay, flat]);
		await changeFiles(flat, label);
		await run("qemu-img", ["create", "-q", "-f", "qcow2", "-F", "raw", "-b", flat, next]);
		await run("qemu-img", ["rebase", "-q", "-f", "qcow2", "-F", "raw", "-b", base, next]);
		await writeRandomly(next, "qcow2", virtualBytes);
		renameSync(next, overlay);
	} finally {
		rmSync(scratch, { recursive: true, force: true });
	}
};
