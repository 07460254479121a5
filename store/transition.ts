/** From each state, the states that may follow it. A state that follows itself is listed as such. */
export type Transitions<State extends string> = Readonly<Record<State, readonly State[]>>;

/** A bug in the caller: it asked for a move that the state machine does not have. */
export class IllegalMove extends Error {
	override readonly name = "IllegalMove";
}

/** Throws `IllegalMove` unless every `from → to` is in the table. */
export function checkMove<State extends string>(
	table: Transitions<State>,
	what: string,
	from: readonly State[],
	to: State,
): void {
	for (const state of from) {
		if (!table[state].includes(to)) throw new IllegalMove(`A ${what} cannot go from ${state} to ${to}.`);
	}
}
