import type { Catalog } from "../catalog/catalog.ts";
import { damaged, isVaultError } from "../errors.ts";
import { headerBytes, type RecordType } from "../format/constants.ts";
import { readEntries } from "../format/entries.ts";
import { isPackId, packKey } from "../format/names.ts";
import type { Child } from "../format/page.ts";
import { openRecord } from "../format/record.ts";
import type { Keyring } from "../keyring.ts";
import type { Target } from "../target.ts";
import { readPackIndex } from "./pack-index.ts";

/** Finds and reads records by name. */
export type Records = {
	locate(child: Child): Promise<Location>;
	/** The same, only from what is in memory. */
	locateNow(child: Child): Location | undefined;
	/** Reads one record by itself, and says in which object it was. */
	read(request: ReadRequest): Promise<{ plain: Buffer; object: string }>;
	/** Verified plain bytes of a record whose sealed bytes were fetched with others. */
	open(request: ReadRequest, location: Location, record: Uint8Array): Buffer;
	/** Bytes of a pack. When the pack is gone, `again` asks where else the record is and retries once. */
	fetch(location: Location): Promise<Uint8Array>;
	/** The pack is not on the target (repacked, most likely): forget that it ever was. */
	lost(packId: string): void;
};

export type ReadRequest = { type: RecordType; child: Child; maxPlainBytes: number };
export type Location = { packId: string; offset: number; storedBytes: number };

type PackIndex = Map<string, { offset: number; storedBytes: number }>;

/** Indexes of packs that hints pointed to: a few hundred names each. */
const keptPackIndexes = 64;

export function newRecords(options: { target: Target; keyring: Keyring; catalog: Catalog }): Records {
	const { target, keyring, catalog } = options;
	const indexes = new Map<string, PackIndex>();
	const lostPacks = new Set<string>();
	const loading = new Map<string, Promise<PackIndex | undefined>>();

	const known = (name: Uint8Array): Location | undefined => {
		const place = catalog.known(name);
		return place && { packId: catalog.packs.id(place.pack), offset: place.offset, storedBytes: place.storedBytes };
	};

	const inIndex = (index: PackIndex | undefined, child: Child): Location | undefined => {
		const entry = index?.get(Buffer.from(child.name).toString("latin1"));
		return entry && { packId: child.pack as string, ...entry };
	};

	/** Undefined when the pack is gone or does not read: the hint then is worth nothing, and index objects decide. */
	async function loadIndex(packId: string): Promise<PackIndex | undefined> {
		let entries: Buffer;
		try {
			entries = await readPackIndex(target, keyring, packId);
		} catch (error) {
			if (isVaultError(error, "NOT_FOUND", "DAMAGED", "UNSUPPORTED_FORMAT")) {
				lostPacks.add(packId);
				return undefined;
			}
			throw error;
		}
		const index: PackIndex = new Map();
		for (const { name, offset, storedBytes } of readEntries(packKey(packId), entries, headerBytes)) {
			index.set(Buffer.from(name).toString("latin1"), { offset, storedBytes });
		}
		if (indexes.size >= keptPackIndexes) indexes.delete(indexes.keys().next().value as string);
		indexes.set(packId, index);
		return index;
	}

	async function byHint(child: Child): Promise<Location | undefined> {
		const packId = child.pack;
		if (packId === undefined || !isPackId(packId) || lostPacks.has(packId)) return undefined;
		let index = indexes.get(packId);
		if (index === undefined) {
			let load = loading.get(packId);
			if (load === undefined) {
				load = loadIndex(packId).finally(() => loading.delete(packId));
				loading.set(packId, load);
			}
			index = await load;
		}
		return inIndex(index, child);
	}

	async function locate(child: Child): Promise<Location> {
		const found = known(child.name) ?? (await byHint(child));
		if (found !== undefined) return found;
		await catalog.find(child.name);
		const indexed = known(child.name) ?? (await findUnkept(child.name));
		if (indexed !== undefined) return indexed;
		const name = Buffer.from(child.name).toString("hex");
		throw damaged(
			child.pack === undefined ? name : packKey(child.pack),
			`or its index is missing: ${name} is in no pack`,
		);
	}

	async function findUnkept(name: Uint8Array): Promise<Location | undefined> {
		const place = await catalog.find(name);
		return place && { packId: catalog.packs.id(place.pack), offset: place.offset, storedBytes: place.storedBytes };
	}

	function lost(packId: string): void {
		lostPacks.add(packId);
		indexes.delete(packId);
		const number = catalog.packs.find(packId);
		if (number !== undefined) catalog.packs.setState(number, "gone");
	}

	async function fetch(location: Location): Promise<Uint8Array> {
		const { offset, storedBytes } = location;
		const bytes = await target.get(packKey(location.packId), { range: { offset, length: storedBytes } });
		if (bytes.length < storedBytes) throw damaged(packKey(location.packId), "is cut short");
		return bytes;
	}

	function open(request: ReadRequest, location: Location, record: Uint8Array): Buffer {
		const { type, maxPlainBytes, child } = request;
		return openRecord(keyring, { type, maxPlainBytes, name: child.name, object: packKey(location.packId) }, record);
	}

	return {
		locate,
		lost,
		fetch,
		open,
		locateNow: (child) => known(child.name) ?? inIndex(indexes.get(child.pack ?? ""), child),
		async read(request) {
			for (let again = false; ; again = true) {
				const location = await locate(request.child);
				try {
					if (location.storedBytes > request.maxPlainBytes + 64) {
						throw damaged(packKey(location.packId), "lists a record that is larger than it may be");
					}
					return { plain: open(request, location, await fetch(location)), object: packKey(location.packId) };
				} catch (error) {
					if (again || !isVaultError(error, "NOT_FOUND")) throw error;
					lost(location.packId);
				}
			}
		},
	};
}
