import { randomBytes } from "node:crypto";
import type { Catalog } from "../catalog/catalog.ts";
import { isVaultError } from "../errors.ts";
import { objectTypes } from "../format/constants.ts";
import { sealObject } from "../format/envelope.ts";
import { encodeIndex, type IndexedPack } from "../format/index-object.ts";
import { folders } from "../format/names.ts";
import type { Keyring } from "../keyring.ts";
import type { Target } from "../target.ts";
import type { Account } from "./account.ts";

/** Collects packs that are durable and writes index objects for them. */
export type Indexer = {
	readonly waiting: number;
	/** `payer`'s figures take the bytes. The pack must be durable. */
	add(pack: IndexedPack, payer: Account | undefined): void;
	/** Every pack added before is indexed durably on return. Safe to repeat; after an error the packs wait for the next. */
	write(): Promise<void>;
	/** Says that names of waiting packs did not fit into the table. */
	sawFullTable(): void;
};

/** Far below what a reader takes for one object. */
const maxEntriesBytes = 16 * 1024 * 1024;

export type IndexerOptions = { target: Target; keyring: Keyring; catalog: Catalog; now: () => Date };

export function newIndexer({ target, keyring, catalog, now }: IndexerOptions): Indexer {
	const waiting: { pack: IndexedPack; payer: Account | undefined }[] = [];
	let turn: Promise<unknown> = Promise.resolve();
	let whole = true;

	async function writeOne(): Promise<void> {
		let bytes = 0;
		let count = 0;
		while (count < waiting.length && bytes < maxEntriesBytes) bytes += waiting[count++]?.pack.entries.length ?? 0;
		const batch = waiting.slice(0, count);
		const key = folders.index + newIndexName(now());
		const object = sealObject(keyring, objectTypes.index, key, encodeIndex(batch.map(({ pack }) => pack)));
		try {
			await target.put(key, [object], { ifAbsent: true });
		} catch (error) {
			if (!isVaultError(error, "EXISTS")) throw error;
		}
		waiting.splice(0, count);
		const payer = batch.find((one) => one.payer !== undefined)?.payer;
		if (payer !== undefined) payer.stats.storedBytes += object.length;
		for (const { pack } of batch) catalog.packs.setState(catalog.packs.number(pack.id, "stored"), "stored");
		catalog.wrote(key, whole);
	}

	return {
		get waiting() {
			return waiting.length;
		},
		add: (pack, payer) => waiting.push({ pack, payer }),
		write() {
			const work = turn.then(async () => {
				while (waiting.length > 0) await writeOne();
			});
			turn = work.catch(() => {});
			return work;
		},
		sawFullTable() {
			whole = false;
		},
	};
}

/**
 * Milliseconds, then random: in a list, newer ones tend to come last, and readers try those first. Only speed depends
 * on the clock.
 */
function newIndexName(now: Date): string {
	return now.getTime().toString(16).padStart(12, "0") + randomBytes(10).toString("hex");
}
