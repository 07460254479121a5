import { randomUUID } from "node:crypto";
import { isVaultError, VaultError } from "../errors.ts";
import { objectTypes } from "../format/constants.ts";
import { openDocument, peekType, type RootDocument, sealDocument } from "../format/documents.ts";
import { deletedKey, rootKey, sessionKey } from "../format/names.ts";
import type { Keyring } from "../keyring.ts";
import type { Target } from "../target.ts";

/** What the snapshot verbs work with. */
export type Place = { target: Target; keyring: Keyring; now: () => Date };

/** What lies under a snapshot's root key: the root, the mark of a session that ended without one, or nothing. */
export async function readRootOrEnd(place: Place, snapshotId: string): Promise<RootDocument | "ended" | undefined> {
	const key = rootKey(snapshotId);
	let bytes: Uint8Array;
	try {
		bytes = await place.target.get(key);
	} catch (error) {
		if (isVaultError(error, "NOT_FOUND")) return undefined;
		throw error;
	}
	if (peekType(bytes) !== objectTypes.ended) return openDocument(place.keyring, "root", key, bytes);
	openDocument(place.keyring, "ended", key, bytes);
	return "ended";
}

async function putSession(place: Place, sessionId: string, purpose: "write" | "read"): Promise<void> {
	const key = sessionKey(sessionId);
	const startedAt = place.now().toISOString();
	const object = sealDocument(place.keyring, key, { kind: "session", startedAt, purpose });
	try {
		await place.target.put(key, [object], { ifAbsent: true });
	} catch (error) {
		if (!isVaultError(error, "EXISTS")) throw error;
	}
}

/** See `Vault.reading`. Its id is nobody's snapshot, so no mark is left when it ends. */
export async function beginReading(place: Place): Promise<{ end(): Promise<void> }> {
	const id = `read-${randomUUID()}`;
	await putSession(place, id, "read");
	return { end: () => place.target.delete(sessionKey(id)) };
}

/** Makes the session durable, or finds that it is. Throws SESSION_ENDED when its snapshot is decided already. */
export async function beginSession(place: Place, sessionId: string): Promise<void> {
	await putSession(place, sessionId, "write");
	// Looked at after the session is there: an end that came in between is seen here, one that comes later at the commit.
	if ((await readRootOrEnd(place, sessionId)) === undefined && !(await wasDeleted(place, sessionId))) return;
	await place.target.delete(sessionKey(sessionId));
	throw new VaultError(
		"SESSION_ENDED",
		`The session ${sessionId} is over: its snapshot was committed, deleted or given up.`,
	);
}

export const hasSession = (place: Place, sessionId: string) => exists(place, sessionKey(sessionId));
/** An id is used once: a snapshot that was deleted does not come back by a late repetition. */
export const wasDeleted = (place: Place, snapshotId: string) => exists(place, deletedKey(snapshotId));

async function exists(place: Place, key: string): Promise<boolean> {
	try {
		await place.target.head(key);
		return true;
	} catch (error) {
		if (isVaultError(error, "NOT_FOUND")) return false;
		throw error;
	}
}

/**
 * Ends a session whose snapshot will never be. The mark goes under the root's own key with a conditional put, so that
 * exactly one of commit and end happens, whoever is late. A committed snapshot stays as it is. Safe to repeat.
 */
export async function endSession(place: Place, sessionId: string): Promise<void> {
	// Without a session there is nothing that a commit could still build on: nothing to forbid.
	if (!(await hasSession(place, sessionId))) return;
	const key = rootKey(sessionId);
	const mark = sealDocument(place.keyring, key, { kind: "ended", endedAt: place.now().toISOString() });
	try {
		await place.target.put(key, [mark], { ifAbsent: true });
	} catch (error) {
		if (!isVaultError(error, "EXISTS")) throw error;
	}
	await place.target.delete(sessionKey(sessionId));
}
