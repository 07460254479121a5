import { rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { createJournal } from "./activations/journal.ts";
import { createHttp } from "./api/http.ts";
import { checkOptions, type OpenWhiskOptions } from "./options.ts";
import type { Platform } from "./platform.ts";
import { startContainer } from "./runtime/container.ts";
import { makeContainerFolder } from "./runtime/folder.ts";
import { createPool } from "./runtime/pool.ts";
import { openMemoryRepository } from "./state/memory.ts";
import { openMongoRepository } from "./state/mongo.ts";

export type OpenWhisk = {
	/** `http://127.0.0.1:PORT` */
	apihost: string;
	namespace: string;
	/** How many action processes exist now. */
	containers(): number;
	/**
	 * Takes no more requests, lets running activations end for up to `drainMs` (default 10 s), records them and ends every
	 * action process. Safe to call twice.
	 */
	stop(drainMs?: number): Promise<void>;
};

const defaultDrainMs = 10_000;

/** Starts the embedded OpenWhisk on loopback. Throws a sentence for a bad option, a taken port or a silent store. */
export async function startOpenWhisk(options: OpenWhiskOptions): Promise<OpenWhisk> {
	const settings = checkOptions(options);
	const { namespace, auth, now, newId, log } = settings;
	const repository =
		settings.storeUri === "memory:"
			? openMemoryRepository()
			: await openMongoRepository(settings.storeUri, settings.database);
	const folder = await makeContainerFolder(tmpdir());
	let apihost = "";
	const pool = createPool({
		maxContainers: settings.maxContainers,
		idleMs: settings.idleMs,
		start: ({ memoryMb }) => startContainer({ node: settings.node, folder, memoryMb, apiHost: apihost, now }),
	});
	const platform: Platform = {
		repository,
		pool,
		activations: createJournal(repository, { keep: settings.activationsKept, log }),
		identities: [{ namespace, subject: namespace, auth }],
		blockingWaitMs: settings.blockingWaitMs,
		now,
		newId,
		log,
		background: new Set(),
	};
	const app = createHttp(platform);

	async function end(drainMs: number) {
		const drained = Promise.allSettled([app.close(), settled(platform.background)]);
		await Promise.race([drained, delay(drainMs)]);
		await pool.close();
		// Closing the pool ends what was still running; those records are written too.
		await settled(platform.background);
		await platform.activations.flush();
		await repository.close();
		await rm(folder, { recursive: true, force: true });
	}

	try {
		await app.listen({ host: "127.0.0.1", port: settings.port });
	} catch (error) {
		await end(0);
		throw new Error(`The platform cannot listen on port ${settings.port}: ${(error as Error).message}`);
	}
	apihost = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
	let ending: Promise<void> | undefined;
	return {
		apihost,
		namespace,
		containers: pool.size,
		stop(drainMs = defaultDrainMs) {
			ending ??= end(drainMs);
			return ending;
		},
	};
}

async function settled(work: Set<Promise<unknown>>) {
	while (work.size > 0) await Promise.all(work);
}

function delay(ms: number): Promise<void> {
	return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
