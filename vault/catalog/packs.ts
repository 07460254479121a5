/**
 * What this process knows of each pack. `writing` is not yet on the target, `durable` is there but in no index object,
 * `stored` is indexed. `failed` never got there, `barred` is condemned by a collection (readable, never to be reused),
 * `gone` was looked for and is not there.
 */
export type PackState = "writing" | "durable" | "stored" | "failed" | "barred" | "gone";

export type PackRegistry = {
	/** The number of a pack id, new or known. A known pack's state is left as it is. */
	number(id: string, state: PackState): number;
	find(id: string): number | undefined;
	id(number: number): string;
	state(number: number): PackState;
	setState(number: number, state: PackState): void;
	/** Bars a pack whether it is known or not. */
	bar(id: string): void;
	/** Forgets what index objects said; packs of this process's own writers stay. */
	forgetStored(): void;
};

export function newPackRegistry(): PackRegistry {
	const numbers = new Map<string, number>();
	const ids: string[] = [];
	const states: PackState[] = [];

	function number(id: string, state: PackState): number {
		let known = numbers.get(id);
		if (known === undefined) {
			known = ids.length;
			numbers.set(id, known);
			ids.push(id);
			states.push(state);
		}
		return known;
	}

	return {
		number,
		find: (id) => numbers.get(id),
		id: (n) => ids[n] as string,
		state: (n) => states[n] as PackState,
		setState(n, state) {
			// Condemned is for ever: pack ids are random and never used again.
			if (states[n] !== "barred" || state === "gone") states[n] = state;
		},
		bar(id) {
			states[number(id, "barred")] = "barred";
		},
		forgetStored() {
			states.forEach((state, n) => {
				if (state === "stored" || state === "gone") states[n] = "gone";
			});
		},
	};
}

/** May a new snapshot rely on records of such a pack? */
export const isReusable = (state: PackState) => state === "stored" || state === "durable" || state === "writing";
/** Can records of such a pack be read from the target? */
export const isReadable = (state: PackState) => state === "stored" || state === "durable" || state === "barred";
