import { VaultError } from "../errors.ts";
import type { WriterStats } from "../vault.ts";
import type { PackBuilder } from "./pack-builder.ts";

/**
 * One writer's side of the shared store: its figures, its page packs, and the first thing that went wrong for it.
 * Packs are shared by all writers of a process; a pack that fails fails every account that relies on it.
 */
export type Account = {
	readonly stats: WriterStats;
	readonly onPackDurable: ((packName: string) => Promise<void> | void) | undefined;
	/** Page packs that are not sent yet; the last one takes new pages. */
	pages: PackBuilder[];
	/** Chunks that are on their way into a pack. */
	readonly pending: Set<Promise<unknown>>;
	/** Flushes of one account follow each other: a page is durable before the page that names it is sent. */
	turn: Promise<unknown>;
	fail(error: unknown): void;
	/** Throws what went wrong, if anything did. */
	check(): void;
};

export function newAccount(onPackDurable: Account["onPackDurable"], signal: AbortSignal | undefined): Account {
	let failure: unknown;
	const account: Account = {
		stats: { givenBytes: 0, newBytes: 0, storedBytes: 0, reusedBytes: 0, zeroBytes: 0 },
		onPackDurable,
		pages: [],
		pending: new Set(),
		turn: Promise.resolve(),
		fail(error) {
			failure ??= error ?? new Error("The writer failed.");
		},
		check() {
			if (failure !== undefined) throw failure;
		},
	};
	const stop = () => account.fail(new VaultError("ABORTED", "The backup was stopped.", { cause: signal?.reason }));
	if (signal?.aborted) stop();
	else signal?.addEventListener("abort", stop, { once: true });
	return account;
}
