import { damaged, isVaultError, type VaultError } from "../errors.ts";
import { headerBytes, maxChunkBytes, recordTypes } from "../format/constants.ts";
import { type PlacedEntry, readEntries } from "../format/entries.ts";
import { packKey } from "../format/names.ts";
import { maxPageBytes } from "../format/page.ts";
import { openRecord } from "../format/record.ts";
import type { Keyring } from "../keyring.ts";
import { readPackIndex } from "../read/pack-index.ts";
import type { Target } from "../target.ts";

/** Bytes of a pack that are read at once: large reads are cheap on disks and stores, and this bounds the memory. */
const readBytes = 8 * 1024 * 1024;

export type PackCheck = {
	records: number;
	bytes: number;
	/** Records that do not read, and why. */
	wrong: { name: Uint8Array; error: VaultError }[];
};

/** Reads a pack's own list, without its records. Throws NOT_FOUND and DAMAGED. */
export const readPackList = async (target: Target, keyring: Keyring, id: string): Promise<PlacedEntry[]> => [
	...readEntries(packKey(id), await readPackIndex(target, keyring, id), headerBytes),
];

export type CheckOptions = { id: string; entries: PlacedEntry[]; pace: (bytes: number) => Promise<void> };

/** Reads a pack from front to end, and authenticates, unpacks and checks each record that it lists. */
export async function checkRecords(
	target: Target,
	keyring: Keyring,
	{ id, entries, pace }: CheckOptions,
): Promise<PackCheck> {
	const check: PackCheck = { records: 0, bytes: 0, wrong: [] };
	for (let first = 0; first < entries.length; ) {
		let last = first;
		const start = (entries[first] as PlacedEntry).offset;
		while (last + 1 < entries.length && endOf(entries[last + 1] as PlacedEntry) - start <= readBytes) last++;
		const length = endOf(entries[last] as PlacedEntry) - start;
		await pace(length);
		const bytes = await target.get(packKey(id), { range: { offset: start, length } });
		for (const entry of entries.slice(first, last + 1)) {
			const record = bytes.subarray(entry.offset - start, entry.offset - start + entry.storedBytes);
			const error = checkRecord(keyring, id, entry, record);
			if (error !== undefined) check.wrong.push({ name: entry.name, error });
			check.records++;
		}
		check.bytes += length;
		first = last + 1;
	}
	return check;
}

const endOf = ({ offset, storedBytes }: PlacedEntry) => offset + storedBytes;

function checkRecord(keyring: Keyring, id: string, entry: PlacedEntry, record: Uint8Array): VaultError | undefined {
	const { name, type, plainBytes } = entry;
	const most = type === recordTypes.page ? maxPageBytes : maxChunkBytes;
	try {
		const plain = openRecord(keyring, { object: packKey(id), type, name, maxPlainBytes: most }, record);
		return plain.length === plainBytes ? undefined : damaged(packKey(id), "lists a record with a wrong size");
	} catch (error) {
		if (isVaultError(error, "DAMAGED")) return error;
		throw error;
	}
}
