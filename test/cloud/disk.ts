import { createHash } from "node:crypto";
import { access, copyFile, link, mkdir, readlink, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type DiskFormat, qemuImg } from "./qemu.ts";
import type { StoredImage, StoredServer } from "./state.ts";
import { hostFolder, instanceFolder, shareFolder, type World } from "./world.ts";

const gibBytes = 1024 ** 3;

/** Builds of one base file at a time; servers of the same image on the same host wait for it. */
const underWay = new Map<string, Promise<string>>();

/**
 * The raw file of an image in a host's image cache, named as Nova's libvirt driver does: the sha1 of the image's id.
 * A raw image is linked instead of copied; nothing ever writes to a base file.
 */
export async function baseFile(world: World, host: string, image: StoredImage): Promise<string> {
	const folder = join(hostFolder(world, host), "instances", "_base");
	const path = join(folder, createHash("sha1").update(image.id).digest("hex"));
	const running = underWay.get(path);
	if (running !== undefined) return running;
	const work = (async () => {
		await mkdir(folder, { recursive: true });
		// Both ways below put the whole file there at once: what has the name is complete.
		if (await exists(path)) return path;
		if (image.disk_format === "raw") {
			await linkOrCopy(image.file, path);
		} else {
			await qemuImg("convert", "-f", String(image.disk_format), "-O", "raw", image.file, `${path}.part`);
			await rename(`${path}.part`, path);
		}
		return path;
	})();
	underWay.set(path, work);
	// Kept for the life of the process once it is there; a failed build is tried again by the next server.
	work.catch(() => underWay.delete(path));
	return work;
}

/** A second name of a file, or a copy where the file is on another file system. */
export async function linkOrCopy(from: string, to: string): Promise<void> {
	try {
		await link(from, to);
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "EXDEV") throw error;
		await copyFile(from, `${to}.part`);
		await rename(`${to}.part`, to);
	}
}

async function exists(path: string): Promise<boolean> {
	return access(path).then(
		() => true,
		() => false,
	);
}

/** A server's root disk: a qcow2 overlay on the base file, as big as the flavor says. Safe to do again. */
export async function makeRootDisk(world: World, server: StoredServer, image: StoredImage): Promise<string> {
	const folder = instanceFolder(world, server.host, server.id);
	const disk = join(folder, "disk");
	const base = await baseFile(world, server.host, image);
	const bytes = server.flavor.disk * gibBytes;
	if (bytes > 0 && (image.virtual_size ?? 0) > bytes) {
		throw new Error(
			`Flavor's disk is too small for requested image. Flavor disk is ${bytes} bytes, image is ${image.virtual_size} bytes.`,
		);
	}
	await mkdir(folder, { recursive: true });
	const size = bytes > 0 ? [String(bytes)] : [];
	await qemuImg("create", "-q", "-f", "qcow2", "-F", "raw", "-b", base, `${disk}.part`, ...size);
	await recordFormat(folder, disk, "qcow2");
	await rename(`${disk}.part`, disk);
	return disk;
}

/**
 * Nova's libvirt driver keeps the format of each image file in `disk.info` beside it: one JSON object, full path →
 * format (`resolve_driver_format` in its imagebackend), so that no guest can change it from inside its disk.
 */
async function recordFormat(folder: string, disk: string, format: DiskFormat): Promise<void> {
	const path = join(folder, "disk.info");
	await writeFile(`${path}.part`, JSON.stringify({ [disk]: format }), { mode: 0o644 });
	await rename(`${path}.part`, path);
}

export async function removeInstance(world: World, server: StoredServer): Promise<void> {
	await rm(instanceFolder(world, server.host, server.id), { recursive: true, force: true });
}

/** A volume's file in the share, blank or holding an image. Safe to do again. */
export async function makeVolumeFile(
	world: World,
	volume: { id: string; size: number },
	format: DiskFormat,
	image: StoredImage | undefined,
): Promise<void> {
	await mkdir(shareFolder(world), { recursive: true });
	const path = volumeFile(world, volume.id);
	const bytes = String(volume.size * gibBytes);
	if (image === undefined) {
		await qemuImg("create", "-q", "-f", format, `${path}.part`, bytes);
	} else {
		await qemuImg("convert", "-f", String(image.disk_format), "-O", format, image.file, `${path}.part`);
		await qemuImg("resize", "-q", "-f", format, `${path}.part`, bytes);
	}
	await rename(`${path}.part`, path);
}

export async function removeVolumeFile(world: World, volumeId: string): Promise<void> {
	await rm(volumeFile(world, volumeId), { force: true });
}

export const volumeName = (volumeId: string) => `volume-${volumeId}`;
export const volumeFile = (world: World, volumeId: string) => join(shareFolder(world), volumeName(volumeId));

/** The export as Cinder's NFS driver calls it. */
export const shareExport = (world: World) => `localhost:${shareFolder(world)}`;

/** Where a host mounts the share: Nova names the folder by the md5 of the export. Here a link stands for the mount. */
export async function mountShare(world: World, host: string): Promise<string> {
	const folder = join(hostFolder(world, host), "mnt");
	const path = join(folder, createHash("md5").update(shareExport(world)).digest("hex"));
	await mkdir(folder, { recursive: true });
	await mkdir(shareFolder(world), { recursive: true });
	if ((await readlink(path).catch(() => undefined)) !== shareFolder(world)) {
		await rm(path, { force: true });
		await symlink(shareFolder(world), path);
	}
	return path;
}
