import { type Catalog, newCatalog } from "../catalog/catalog.ts";
import { isVaultError } from "../errors.ts";
import { recordOverheadBytes, recordTypes } from "../format/constants.ts";
import { packKey } from "../format/names.ts";
import { newLane, sealRecord } from "../format/record.ts";
import type { Keyring } from "../keyring.ts";
import type { Target } from "../target.ts";
import { newSealPool } from "../workers/pool.ts";
import { type SealResult, slotStride, slotViews } from "../workers/sealer.ts";
import type { Account } from "./account.ts";
import { newIndexer } from "./indexer.ts";
import { newPackBuilder, type PackBuilder } from "./pack-builder.ts";
import { newSlots } from "./slots.ts";

/** A record that a page may name: it is in a pack that is, or is about to be, on the target. */
export type Located = { name: Uint8Array; pack: string };

/** The writing half of an open vault, shared by its writers: chunks in, packs and index objects out. */
export type Store = {
	readonly catalog: Catalog;
	/** Resolves when the chunk was copied; `done` when its place is known. Held back while too much is in flight. */
	chunk(account: Account, data: Uint8Array): Promise<{ done: Promise<Located> }>;
	page(account: Account, bytes: Uint8Array): Promise<Located>;
	/** Takes packs of an earlier attempt that are durable but in no index object: the next flush indexes them. */
	adopt(account: Account, packs: readonly { id: string; entries: Buffer }[]): void;
	/** Durable on return, in this order: data packs, their index, this account's page packs, their index. */
	flush(account: Account): Promise<void>;
	close(): Promise<void>;
};

export type StoreOptions = {
	target: Target;
	keyring: Keyring;
	chunkBytes: number;
	compressionLevel: number;
	packBytes: number;
	packBuffers: number;
	slots: number;
	threads: number;
	tableBudgetBytes: number;
	now: () => Date;
};

/** Pages are small: a pack of them is sent when it has this much, or at a disk's end. */
const pagePackBytes = 4 * 1024 * 1024;
/** Index objects of a long run: often enough that a crash leaves few packs to adopt. */
const packsPerIndex = 32;

export function newStore(options: StoreOptions): Store {
	const { target, keyring, chunkBytes } = options;
	const catalog = newCatalog({ ...options, onGrow: (memory) => pool.useTable(memory) });
	const memory = new SharedArrayBuffer(options.slots * slotStride(chunkBytes));
	const slotMemory = { memory, chunkBytes };
	const pool = newSealPool({ ...options, ...slotMemory, seed: keyring.seed, table: catalog.table.memory });
	const pageLane = newLane(keyring);
	const slots = newSlots(options.slots);
	const buffers = newSlots(options.packBuffers);
	const bufferOf: Uint8Array[] = [];
	const indexer = newIndexer({ target, keyring, catalog, now: options.now });
	/** Packs whose records are not on the target yet, by number, and their uploads. */
	const writing = new Map<number, PackBuilder>();
	const uploads = new Set<Promise<void>>();
	let open: { pack: PackBuilder; bufferSlot: number } | undefined;
	let rotating: Promise<void> | undefined;

	function builder(buffer: Uint8Array): PackBuilder {
		const number = (id: string) => catalog.packs.number(id, "writing");
		const pack = newPackBuilder({ keyring, number, buffer });
		writing.set(pack.number, pack);
		return pack;
	}

	/** Sends the open pack and opens another, as soon as a buffer is free. */
	function rotate(): Promise<void> {
		rotating ??= buffers.take().then((bufferSlot) => {
			rotating = undefined;
			sendOpen();
			bufferOf[bufferSlot] ??= new Uint8Array(options.packBytes);
			open = { pack: builder(bufferOf[bufferSlot]), bufferSlot };
		});
		return rotating;
	}

	function sendOpen(): void {
		const full = open;
		open = undefined;
		if (full === undefined) return;
		void upload(full.pack).then(() => buffers.free(full.bufferSlot));
	}

	/** Never rejects: a pack that cannot be written fails the accounts that rely on it. */
	function upload(pack: PackBuilder): Promise<void> {
		const work = send(pack).catch((error: unknown) => {
			catalog.packs.setState(pack.number, "failed");
			for (const account of pack.accounts) account.fail(error);
		});
		uploads.add(work);
		return work.finally(() => {
			uploads.delete(work);
			writing.delete(pack.number);
		});
	}

	async function send(pack: PackBuilder): Promise<void> {
		const body = pack.finish();
		const [payer] = pack.accounts;
		if (payer !== undefined) payer.stats.storedBytes += (body[1] as Uint8Array).length + 64;
		try {
			await target.put(packKey(pack.id), body, { ifAbsent: true });
		} catch (error) {
			// Nobody else draws our 128 random bits: it is this pack, and a reply that was lost.
			if (!isVaultError(error, "EXISTS")) throw error;
		}
		for (const account of pack.accounts) {
			try {
				await account.onPackDurable?.(pack.id);
			} catch (error) {
				account.fail(error);
			}
		}
		catalog.packs.setState(pack.number, "durable");
		indexer.add({ id: pack.id, entries: pack.entries() }, payer);
		if (indexer.waiting >= packsPerIndex) indexer.write().catch(() => {}); // The next flush tries again and reports.
	}

	async function settle(account: Account, slot: number, length: number): Promise<Located> {
		let result: SealResult = await pool.seal({ slot, length, force: false });
		const views = slotViews(slotMemory, slot);
		const name = Buffer.from(views.name());
		for (;;) {
			account.check();
			const place = catalog.reusable(name);
			if (place !== undefined) {
				writing.get(place.pack)?.accounts.add(account);
				account.stats.reusedBytes += length;
				return { name, pack: catalog.packs.id(place.pack) };
			}
			if (result.storedBytes === 0) {
				// The thread saw the name, in a pack that may not be relied on.
				result = await pool.seal({ slot, length, force: true });
			} else if (open?.pack.hasRoom(result.storedBytes)) {
				account.stats.newBytes += length;
				return append(open.pack, account, recordTypes.chunk, name, length, views.sealed(result.storedBytes));
			} else {
				await rotate();
			}
		}
	}

	function append(
		pack: PackBuilder,
		account: Account,
		type: 1 | 2,
		name: Buffer,
		plainBytes: number,
		record: Uint8Array,
	): Located {
		const storedBytes = record.length;
		const offset = pack.append({ name, type, storedBytes, plainBytes }, record);
		pack.accounts.add(account);
		account.stats.storedBytes += storedBytes;
		if (!catalog.table.set(name, { pack: pack.number, offset, storedBytes })) indexer.sawFullTable();
		return { name, pack: pack.id };
	}

	async function flushInTurn(account: Account): Promise<void> {
		const pages = account.pages.splice(0);
		try {
			sendOpen();
			await Promise.all(uploads);
			account.check();
			await indexer.write();
			for (let pack = pages.shift(); pack !== undefined; pack = pages.shift()) {
				await upload(pack);
				account.check();
				await indexer.write();
			}
		} catch (error) {
			// The next flush sends the rest: not before the chunks that these pages name are indexed.
			account.pages.unshift(...pages);
			throw error;
		}
	}

	function flush(account: Account): Promise<void> {
		const work = account.turn.then(() => flushInTurn(account));
		account.turn = work.catch(() => {});
		return work;
	}

	return {
		catalog,
		flush,
		async chunk(account, data) {
			account.check();
			const slot = await slots.take();
			try {
				account.check();
				slotViews(slotMemory, slot).plain(data.length).set(data);
			} catch (error) {
				slots.free(slot);
				throw error;
			}
			const done = settle(account, slot, data.length).finally(() => {
				slots.free(slot);
				account.pending.delete(done);
			});
			account.pending.add(done);
			done.catch((error: unknown) => account.fail(error));
			return { done };
		},
		async page(account, bytes) {
			account.check();
			const name = keyring.name(recordTypes.page, bytes);
			const place = catalog.reusable(name);
			// Another writer's page that is not there yet could fail with that writer: only its data packs are shared.
			if (place !== undefined && (!writing.has(place.pack) || writing.get(place.pack)?.accounts.has(account))) {
				return { name, pack: catalog.packs.id(place.pack) };
			}
			const record = new Uint8Array(bytes.length + recordOverheadBytes);
			const how = { type: recordTypes.page, name, compressionLevel: 0 };
			const length = sealRecord(keyring, pageLane, how, bytes, record);
			if (account.pages.length > 1) await flush(account);
			if (account.pages.at(-1)?.hasRoom(length) !== true) account.pages.push(builder(new Uint8Array(pagePackBytes)));
			const pack = account.pages.at(-1) as PackBuilder;
			return append(pack, account, recordTypes.page, name, bytes.length, record.subarray(0, length));
		},
		adopt(account, packs) {
			for (const pack of packs) {
				if (!catalog.add(pack, "durable")) indexer.sawFullTable();
				indexer.add(pack, account);
			}
		},
		async close() {
			await Promise.all(uploads);
			await pool.close();
		},
	};
}
