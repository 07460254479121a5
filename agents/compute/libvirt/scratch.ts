import { chmod, chown, mkdir, readdir, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { AgentError } from "../errors.ts";
import { domainOf } from "./domain.ts";
import type { Virsh } from "./virsh.ts";

/** Below `path`, one folder for each instance under backup: what a killed agent left there is how the next one knows. */
export type Scratch = { path: string; percent: number };

const fewestBytes = 256 * 1024 * 1024;

/**
 * Makes an instance's folder, for the user that QEMU runs as. What the guest overwrites during a backup is kept there
 * first; if that space ran out, the guest's own writes would fail, so it is looked at beforehand. Throws SCRATCH_FULL.
 */
export const openScratch = async (
	{ path, percent }: Scratch,
	instanceId: string,
	about: { diskBytes: number; owner: { uid: number; gid: number } },
): Promise<string> => {
	await mkdir(path, { recursive: true });
	await chmod(path, 0o711);
	const { bavail, bsize } = await statfs(path);
	const needs = Math.max(fewestBytes, Math.round((about.diskBytes * percent) / 100));
	if (bavail * bsize < needs) throw new AgentError("SCRATCH_FULL", { path, needs, has: bavail * bsize });
	const folder = join(path, instanceId);
	await rm(folder, { recursive: true, force: true });
	await mkdir(folder, { mode: 0o700 });
	await chown(folder, about.owner.uid, about.owner.gid);
	return folder;
};

const isInstanceId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Ends what a killed agent left: frozen guests, backup jobs, scratch files. Answers how many instances that were. */
export const sweepScratch = async ({ path }: Scratch, virsh: Virsh): Promise<number> => {
	let names: string[];
	try {
		names = (await readdir(path)).filter((name) => isInstanceId.test(name));
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
		throw error;
	}
	for (const id of names) {
		const domain = domainOf(virsh, id);
		await domain.thaw();
		await domain.endBackup();
		await rm(join(path, id), { recursive: true, force: true });
	}
	return names.length;
};
