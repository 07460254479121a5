import { MongoClient } from "mongodb";
import type { Environment } from "./environment.ts";

const connectMs = 10_000;

/**
 * Makes the indexes of the store, before the first action that relies on them goes live. Safe to repeat. Throws a sentence
 * when the store cannot be reached; the URI, which may hold a password, is not in it.
 */
export async function prepareStore(env: Environment): Promise<void> {
	const uri = env.MONGODB_URI;
	if (uri === undefined) return; // a manifest without a store
	const { ensureIndexes } = await import("#store/indexes.ts");
	const client = new MongoClient(uri, { serverSelectionTimeoutMS: connectMs, appName: "holdfast-deploy" });
	try {
		await client.connect();
		await ensureIndexes(client.db());
	} catch (error) {
		throw new Error(`The indexes of the store could not be made: ${(error as Error).message}`);
	} finally {
		await client.close();
	}
}
