import { isVaultError } from "../errors.ts";
import { objectTypes } from "../format/constants.ts";
import { openDocument, peekType, type RootDocument } from "../format/documents.ts";
import { folders, rootKey } from "../format/names.ts";
import { manifestsOf } from "../snapshots/commit.ts";
import type { Place } from "../snapshots/session.ts";
import type { CollectPlace } from "./place.ts";

/** The top page of a manifest, and the pack where it was when its root was written. */
export type Top = { page: string; pack: string | undefined };

/** What is on the target that decides what is live. Listed in this order: roots, then tombstones. */
export type Survey = {
	roots: { snapshotId: string; tops: Top[] }[];
	/** Ids whose session ended without a root. */
	ended: string[];
	/** Tombstones of deleted snapshots, by id, with the top pages that they had. */
	deleted: Map<string, string[]>;
};

export async function survey(place: CollectPlace): Promise<Survey> {
	const { target, keyring } = place;
	const roots: Survey["roots"] = [];
	const ended: string[] = [];
	for await (const { key } of target.list(folders.roots)) {
		const bytes = await readIfThere(place, key);
		const snapshotId = key.slice(folders.roots.length);
		if (bytes === undefined) continue;
		if (peekType(bytes) === objectTypes.ended) {
			openDocument(keyring, "ended", key, bytes);
			ended.push(snapshotId);
		} else roots.push({ snapshotId, tops: topsOf(openDocument(keyring, "root", key, bytes)) });
	}
	const deleted = new Map<string, string[]>();
	for await (const { key } of target.list(folders.deleted)) {
		const bytes = await readIfThere(place, key);
		if (bytes === undefined) continue;
		deleted.set(key.slice(folders.deleted.length), openDocument(keyring, "deleted", key, bytes).pages);
	}
	return { roots, ended, deleted };
}

function topsOf({ root, packs }: RootDocument): Top[] {
	const pages = new Set(manifestsOf(root).flatMap(({ page }) => page ?? []));
	return [...pages].map((page) => ({ page, pack: packs[page] }));
}

async function readIfThere({ target }: Place, key: string): Promise<Uint8Array | undefined> {
	try {
		return await target.get(key);
	} catch (error) {
		if (isVaultError(error, "NOT_FOUND")) return undefined;
		throw error;
	}
}

export type Session = { id: string; startedAt: string; purpose: string };

/** Everybody who is at work in the vault. */
export async function listSessions(place: Place): Promise<Session[]> {
	const sessions: Session[] = [];
	for await (const { key } of place.target.list(folders.sessions)) {
		const bytes = await readIfThere(place, key);
		if (bytes === undefined) continue;
		const { startedAt, purpose } = openDocument(place.keyring, "session", key, bytes);
		sessions.push({ id: key.slice(folders.sessions.length), startedAt, purpose });
	}
	return sessions;
}

/** Removes the mark of an ended session, and nothing that is a root. */
export async function removeEndMark(place: CollectPlace, snapshotId: string): Promise<void> {
	const key = rootKey(snapshotId);
	const bytes = await readIfThere(place, key);
	if (bytes !== undefined && peekType(bytes) === objectTypes.ended) await place.target.delete(key);
}
