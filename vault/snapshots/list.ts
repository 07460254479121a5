import type { RootDocument } from "../format/documents.ts";
import { folders } from "../format/names.ts";
import { type Place, readRootOrEnd } from "./session.ts";

/** Roots that are read at the same time: a target far away answers several as fast as one. */
const readAhead = 8;

/** Every committed root. A root that is deleted while we list may or may not come. */
export async function* listRoots(place: Place): AsyncIterable<RootDocument> {
	const reading: Promise<RootDocument | "ended" | undefined>[] = [];
	for await (const { key } of place.target.list(folders.roots)) {
		const read = readRootOrEnd(place, key.slice(folders.roots.length));
		read.catch(() => {}); // Thrown where it is awaited, which may be later or never.
		reading.push(read);
		if (reading.length < readAhead) continue;
		const root = await reading.shift();
		if (root !== undefined && root !== "ended") yield root;
	}
	for (const read of reading) {
		const root = await read;
		if (root !== undefined && root !== "ended") yield root;
	}
}
