import { isVaultError } from "../errors.ts";
import { sealDocument } from "../format/documents.ts";
import { deletedKey, rootKey } from "../format/names.ts";
import { manifestsOf } from "./commit.ts";
import { type Place, readRootOrEnd } from "./session.ts";

/**
 * See `Vault.deleteRoot`. First a tombstone with the snapshot's manifests, then the root goes: a collection that
 * condemned packs before the deletion still counts these manifests as live (docs/format.md, "Collection").
 */
export async function deleteRoot(place: Place, snapshotId: string): Promise<void> {
	let pages: string[] = [];
	try {
		const root = await readRootOrEnd(place, snapshotId);
		if (root === undefined || root === "ended") return;
		pages = [...new Set(manifestsOf(root.root).flatMap(({ page }) => page ?? []))];
	} catch (error) {
		// A root that does not read protects nothing; it must still be possible to get rid of it.
		if (!isVaultError(error, "DAMAGED")) throw error;
	}
	const key = deletedKey(snapshotId);
	const tombstone = sealDocument(place.keyring, key, { kind: "deleted", deletedAt: place.now().toISOString(), pages });
	try {
		await place.target.put(key, [tombstone], { ifAbsent: true });
	} catch (error) {
		if (!isVaultError(error, "EXISTS")) throw error;
	}
	await place.target.delete(rootKey(snapshotId));
}
