import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Where Debian keeps programs that a plain user's PATH leaves out (mkfs.ext4, debugfs). */
const systemFolders = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** Full path of an executable on `path` or in the system folders; undefined where there is none. */
export const findProgram = (name: string, path = process.env.PATH ?? ""): string | undefined => {
	for (const folder of [...path.split(delimiter), ...systemFolders]) {
		const candidate = join(folder || ".", name);
		try {
			accessSync(candidate, constants.X_OK);
			return candidate;
		} catch {}
	}
	return undefined;
};
