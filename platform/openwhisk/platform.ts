import type { ActivationJournal } from "./activations/journal.ts";
import type { Identity } from "./api/identity.ts";
import type { ContainerPool } from "./runtime/pool.ts";
import type { Repository } from "./state/repository.ts";

/** What every feature of the platform works with; made once in server.ts. */
export type Platform = {
	readonly repository: Repository;
	readonly pool: ContainerPool;
	readonly activations: ActivationJournal;
	readonly identities: readonly Identity[];
	/** A blocking request is answered 202 after this long. */
	readonly blockingWaitMs: number;
	readonly now: () => Date;
	/** 32 hexadecimal digits. */
	readonly newId: () => string;
	/** One line for the operator. */
	readonly log: (line: string) => void;
	/** Work that outlives its request (activations, firing of rules); a clean stop waits for it. */
	readonly background: Set<Promise<unknown>>;
};

/** Keeps track of work nobody awaits; its failure is logged, never thrown. */
export function inBackground(platform: Platform, what: string, work: Promise<unknown>) {
	const tracked = work
		.catch((error: Error) => platform.log(`${what} failed: ${error.message}`))
		.finally(() => platform.background.delete(tracked));
	platform.background.add(tracked);
}
