import { lstat, mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

const owned = /^openwhisk-(\d+)-\w{6}$/;

/**
 * A new folder below `parent` for the containers of this process. First removes those of platforms that were killed and
 * could not do it themselves: the name says which process a folder belongs to.
 */
export async function makeContainerFolder(parent: string): Promise<string> {
	for (const name of await readdir(parent)) {
		const pid = Number(owned.exec(name)?.[1]);
		if (!(pid > 0) || exists(pid)) continue;
		const folder = join(parent, name);
		if (await isOurs(folder)) await rm(folder, { recursive: true, force: true }).catch(() => {});
	}
	return mkdtemp(join(parent, `openwhisk-${process.pid}-`));
}

/** Anybody may make such a name in a shared folder; as root we would follow another user's tree where it leads. */
async function isOurs(folder: string): Promise<boolean> {
	const found = await lstat(folder).catch(() => undefined);
	return found?.isDirectory() === true && found.uid === process.getuid?.();
}

function exists(pid: number): boolean {
	try {
		process.kill(pid, 0);
		return true;
	} catch (error) {
		return (error as NodeJS.ErrnoException).code === "EPERM";
	}
}
