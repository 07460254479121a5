import type { Keyring } from "../keyring.ts";
import type { Target } from "../target.ts";

/** What every step of a collection works with. */
export type CollectPlace = {
	target: Target;
	keyring: Keyring;
	now: () => Date;
	/** Bounds the tables of names; less means more passes over the pages, never another result. */
	memoryBudgetBytes: number;
	signal: AbortSignal | undefined;
};
