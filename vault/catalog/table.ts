import { nameBytes } from "../format/constants.ts";

/**
 * Names of records and where they lie: open addressing over binary names, 32 bytes a slot, in shared memory so that
 * sealing threads can look before they compress. One thread writes; a slot's pack word is stored last, so a reader
 * sees a whole entry or none.
 */
export type Table = {
	/** For the sealing threads; changes when the table grows. */
	readonly memory: SharedArrayBuffer;
	readonly count: number;
	/** Number of slots, used and free; it grows with the table. */
	readonly slots: number;
	/** Slot of a name, or −1. */
	find(name: Uint8Array): number;
	at(slot: number): Place;
	/** Adds a name or moves it. False when the memory budget is used up: the name is then simply not known. */
	set(name: Uint8Array, place: Place): boolean;
	clear(): void;
};

/** `pack` is a number that the catalog gave to a pack. */
export type Place = { pack: number; offset: number; storedBytes: number };

const slotWords = 8;
export const slotBytes = slotWords * 4;
const nameWords = nameBytes / 4;
const packWord = nameWords;
const firstSlots = 4096;
/** Linear probing stays short up to here; grown above, and refused above `fullLoad` when it cannot grow. */
const growLoad = 0.8;
const fullLoad = 0.92;
const growth = 1.6;

export function newTable(budgetBytes: number, onGrow: (memory: SharedArrayBuffer) => void): Table {
	let words = newWords(Math.max(16, Math.min(firstSlots, Math.floor(budgetBytes / slotBytes))));
	let slots = words.length / slotWords;
	let count = 0;
	const key = new Uint32Array(nameWords);
	const keyBytes = new Uint8Array(key.buffer);

	function grow(): void {
		const wanted = Math.floor(slots * growth);
		// Old and new exist side by side while entries move.
		if ((wanted + slots) * slotBytes > budgetBytes) return;
		const old = words;
		words = newWords(wanted);
		slots = wanted;
		for (let from = 0; from < old.length; from += slotWords) {
			if (old[from + packWord] === 0) continue;
			let slot = (old[from] as number) % slots;
			while (words[slot * slotWords + packWord] !== 0) slot = slot + 1 === slots ? 0 : slot + 1;
			words.set(old.subarray(from, from + slotWords), slot * slotWords);
		}
		onGrow(words.buffer as SharedArrayBuffer);
	}

	return {
		get memory() {
			return words.buffer as SharedArrayBuffer;
		},
		get count() {
			return count;
		},
		get slots() {
			return slots;
		},
		find(name) {
			keyBytes.set(name);
			const slot = probe(words, slots, key);
			return slot < 0 ? -1 : slot;
		},
		at(slot) {
			const from = slot * slotWords;
			return {
				pack: (words[from + packWord] as number) - 1,
				offset: words[from + packWord + 1] as number,
				storedBytes: words[from + packWord + 2] as number,
			};
		},
		set(name, place) {
			if (count >= slots * growLoad) grow();
			keyBytes.set(name);
			const found = probe(words, slots, key);
			if (found < 0 && count >= slots * fullLoad) return false;
			const from = (found < 0 ? -1 - found : found) * slotWords;
			if (found < 0) {
				words.set(key, from);
				count++;
			}
			words[from + packWord + 1] = place.offset;
			words[from + packWord + 2] = place.storedBytes;
			Atomics.store(words, from + packWord, place.pack + 1);
			return true;
		},
		clear() {
			words.fill(0);
			count = 0;
		},
	};
}

/** True when the table in `memory` has the name: a hint, for another thread than the one that writes. */
export function tableHas(memory: SharedArrayBuffer, name: Uint8Array): boolean {
	const key = new Uint32Array(nameWords);
	new Uint8Array(key.buffer).set(name);
	const words = new Uint32Array(memory);
	return probe(words, words.length / slotWords, key) >= 0;
}

/** The slot of the key, or −1 − the empty slot where it would go. */
function probe(words: Uint32Array, slots: number, key: Uint32Array): number {
	// Names are keyed hashes, so their first word is as good a hash as any and nobody can aim at a slot.
	let slot = (key[0] as number) % slots;
	for (let steps = 0; steps < slots; steps++) {
		const from = slot * slotWords;
		if (Atomics.load(words, from + packWord) === 0) return -1 - slot;
		let word = 0;
		while (word < nameWords && words[from + word] === key[word]) word++;
		if (word === nameWords) return slot;
		slot = slot + 1 === slots ? 0 : slot + 1;
	}
	return -1 - slot;
}

const newWords = (slots: number) => new Uint32Array(new SharedArrayBuffer(slots * slotBytes));
