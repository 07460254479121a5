import type { Catalog } from "../catalog/catalog.ts";
import { badArgument, isVaultError } from "../errors.ts";
import { isPackId } from "../format/names.ts";
import type { Keyring } from "../keyring.ts";
import { readPackIndex } from "../read/pack-index.ts";
import type { Target } from "../target.ts";

/**
 * The packs of an earlier attempt that can be used: on the target, whole, not condemned, and not indexed yet. The
 * others are left out without a word: their chunks are then sent again.
 */
export async function readAdopted(
	{ target, keyring, catalog }: { target: Target; keyring: Keyring; catalog: Catalog },
	ids: readonly string[],
): Promise<{ id: string; entries: Buffer }[]> {
	const adopted: { id: string; entries: Buffer }[] = [];
	for (const id of new Set(ids)) {
		if (!isPackId(id)) throw badArgument(`${JSON.stringify(id)} is no name of a pack.`);
		const number = catalog.packs.find(id);
		const state = number === undefined ? undefined : catalog.packs.state(number);
		if (state !== undefined && state !== "failed" && state !== "gone") continue;
		try {
			adopted.push({ id, entries: await readPackIndex(target, keyring, id) });
		} catch (error) {
			if (!isVaultError(error, "NOT_FOUND", "DAMAGED")) throw error;
		}
	}
	return adopted;
}
