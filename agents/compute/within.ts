import { AgentError } from "./errors.ts";

/** A stat or an open on storage that works takes milliseconds; on a hung NFS server it never returns. */
const storageDeadlineMs = 30_000;

/**
 * Waits for work on a file system, but not for ever: STORAGE_SILENT names `path` after 30 s. The call itself cannot be
 * stopped; its result is dropped.
 */
export const withinDeadline = async <T>(path: string, work: Promise<T>): Promise<T> => {
	let timer: NodeJS.Timeout | undefined;
	const late = new Promise<never>((_, reject) => {
		const seconds = storageDeadlineMs / 1000;
		timer = setTimeout(() => reject(new AgentError("STORAGE_SILENT", { path, seconds })), storageDeadlineMs);
	});
	try {
		return await Promise.race([work, late]);
	} finally {
		clearTimeout(timer);
	}
};
