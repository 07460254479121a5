import type { Environment } from "./environment.ts";

/**
 * Makes the indexes of the store, before the first action that relies on them goes live. Safe to repeat. Throws a sentence
 * when the store cannot be reached; the URI, which may hold a password, is not in it.
 */
export async function prepareStore(env: Environment): Promise<void> {
	const uri = env.MONGODB_URI;
	if (uri === undefined) return; // a manifest without a store
	const { ensureIndexes } = await import("#store/indexes.ts");
	const { openDatabase, closeDatabase } = await import("#store/connect.ts");
	try {
		await ensureIndexes(await openDatabase(uri, "holdfast-deploy"));
	} catch (error) {
		throw new Error(`The indexes of the store could not be made: ${(error as Error).message}`);
	} finally {
		await closeDatabase();
	}
}
