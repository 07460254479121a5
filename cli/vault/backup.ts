import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename, resolve } from "node:path";
import type { Command } from "commander";
import type { ManifestRef, SnapshotRoot, Vault } from "#vault/vault.ts";
import type { Cli } from "../cli.ts";
import { usage } from "../failure.ts";
import type { Column } from "../output/column.ts";
import { checkOutput, oneText, withOutput } from "../output/print.ts";
import { sizeText } from "../output/size.ts";
import { createProgress } from "../progress.ts";
import { backupImage } from "./backup-image.ts";
import { type Extent, type Image, imageFormats, openImage } from "./image.ts";
import { type PlaceOptions, withPlace, withVault } from "./place.ts";

type Options = PlaceOptions & {
	name?: string;
	full?: boolean;
	changed?: string;
	snapshotId?: string;
	imageFormat?: string;
};

type Done = { snapshot: string; disks: number; sizeBytes: number; stats: Record<string, number>; seconds: number };

const columns: Column<Done>[] = [
	{ name: "Snapshot", value: ({ snapshot }) => snapshot },
	{ name: "Disks", value: ({ disks }) => disks },
	{ name: "Size", value: ({ sizeBytes }) => sizeBytes, shown: ({ sizeBytes }) => sizeText(sizeBytes) },
	...(["given", "new", "reused", "zero", "stored"] as const).map((what): Column<Done> => {
		const value = ({ stats }: Done) => stats[`${what}Bytes`] ?? 0;
		const name = `${what[0]?.toUpperCase()}${what.slice(1)}`;
		return { name, value, shown: (done) => sizeText(value(done)) };
	}),
	{ name: "Seconds", value: ({ seconds }) => seconds },
];

/** `holdfast vault backup` */
export const vaultBackup = (cli: Cli, parent: Command): void => {
	withOutput(withPlace(parent.command("backup")))
		.argument("<image...>", "disk images or block devices that belong together")
		.summary("store disk images as one snapshot")
		.description(
			"Stores disk images as one snapshot. A snapshot of the same name before it is the base: what is equal is not stored again.",
		)
		.option("--name <name>", "what it is a snapshot of; default: the first image's file name")
		.option("--full", "use no base: read everything, and trust nothing that came before")
		.option("--changed <file>", "JSON list of {offset, length}: only these ranges changed since the base (one image)")
		.option("--image-format <format>", `${imageFormats.join(" or ")}; an image's own word is never taken for it`)
		.option("--snapshot-id <id>", "default: a new one")
		.addHelpText(
			"after",
			"\nExample:\n  holdfast vault backup --target /mnt/backup --key-file vault.key disk.raw --name web",
		)
		.action(async (paths: string[], options: Options, command: Command) => {
			checkOutput(command, columns);
			const changed = readChanged(options.changed, paths.length);
			if (changed !== undefined && options.full) throw usage("--full and --changed exclude each other.");
			const done = await withVault(cli, options, (vault) => backUp(cli, vault, paths, options, changed));
			cli.stdout.write(oneText(command, columns, done));
		});
};

const readChanged = (file: string | undefined, images: number): Extent[] | undefined => {
	if (file === undefined) return undefined;
	if (images !== 1) throw usage("--changed goes with one image.");
	let extents: unknown;
	try {
		extents = JSON.parse(readFileSync(file, "utf8"));
	} catch (error) {
		throw usage(`--changed ${file} cannot be read as JSON: ${(error as Error).message}`);
	}
	const whole = (n: unknown) => Number.isSafeInteger(n) && (n as number) >= 0;
	if (!Array.isArray(extents) || !extents.every((one) => whole(one?.offset) && whole(one?.length))) {
		throw usage(`--changed ${file} must be a list of {"offset": bytes, "length": bytes}.`);
	}
	return extents;
};

const backUp = async (
	cli: Cli,
	vault: Vault,
	paths: string[],
	options: Options,
	changed: Extent[] | undefined,
): Promise<Done> => {
	const startMs = performance.now();
	const name = options.name ?? basename(paths[0] as string);
	const snapshotId = options.snapshotId ?? randomUUID();
	const createdAt = new Date().toISOString();
	const base = options.full ? undefined : await newestOf(vault, name);
	if (changed !== undefined && base === undefined) {
		throw usage(`--changed needs a snapshot of ${name} to build on, and there is none. Leave it out the first time.`);
	}
	const images: Image[] = [];
	try {
		for (const path of paths) images.push(await openImage(path, options.imageFormat));
		const done = await storeImages(cli, vault, { name, snapshotId, createdAt, base, changed, images });
		return { ...done, seconds: Math.round((performance.now() - startMs) / 100) / 10 };
	} finally {
		for (const image of images) await image.close();
	}
};

type Work = {
	name: string;
	snapshotId: string;
	createdAt: string;
	base: SnapshotRoot | undefined;
	changed: Extent[] | undefined;
	images: Image[];
};

const storeImages = async (cli: Cli, vault: Vault, work: Work): Promise<Omit<Done, "seconds">> => {
	const { name, snapshotId, createdAt, base, changed, images } = work;
	const sizeBytes = images.reduce((sum, image) => sum + image.sizeBytes, 0);
	const progress = createProgress(cli.stderr, () => performance.now());
	let doneBytes = 0;
	const writer = await vault.writer({ sessionId: snapshotId });
	try {
		const disks: SnapshotRoot["instances"][0]["disks"][0][] = [];
		for (const [i, image] of images.entries()) {
			const manifest = await backupImage(writer, {
				image,
				chunkBytes: vault.chunkBytes,
				base: base?.instances[0]?.disks[i]?.manifest,
				changed,
				progress: (bytes) => {
					doneBytes += bytes;
					progress.show(`${name}: ${sizeText(doneBytes)} read, ${sizeText(writer.stats.storedBytes)} stored`);
				},
			});
			disks.push({ diskId: `disk${i}`, device: resolve(image.path), manifest: manifest satisfies ManifestRef });
		}
		const stats = { ...writer.stats };
		await writer.close();
		const captured = { madeBy: "holdfast vault backup" };
		await vault.commitRoot({
			snapshotId,
			workloadId: name,
			createdAt,
			instances: [{ instanceId: name, disks }],
			captured,
		});
		return { snapshot: snapshotId, disks: disks.length, sizeBytes, stats };
	} catch (error) {
		await writer.close();
		await vault.endSession(snapshotId);
		throw error;
	} finally {
		progress.end();
	}
};

/** The newest snapshot of that name, by when it was begun. */
const newestOf = async (vault: Vault, name: string): Promise<SnapshotRoot | undefined> => {
	let newest: SnapshotRoot | undefined;
	for await (const { snapshotId } of vault.listRoots()) {
		const root = await vault.readRoot(snapshotId);
		if (root.workloadId === name && (newest === undefined || root.createdAt > newest.createdAt)) newest = root;
	}
	return newest;
};
