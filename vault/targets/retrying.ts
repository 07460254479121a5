import { isVaultError, type VaultErrorCode } from "../errors.ts";
import type { Target } from "../target.ts";

export type RetryOptions = {
	/** Calls in all. Default 5. */
	attempts?: number;
	/** Before the second; it doubles, up to half a minute, each time less a random half. Default 500 ms. */
	firstPauseMs?: number;
	/** No call is started later than this after the first. Default ten minutes. */
	deadlineMs?: number;
	nowMs: () => number;
	/** From 0 to 1. */
	random: () => number;
	sleep: (ms: number) => Promise<void>;
};

const mayPass: readonly VaultErrorCode[] = ["TARGET_UNREACHABLE", "TARGET_FAILED"];
const longestPauseMs = 30_000;
const defaults = { attempts: 5, firstPauseMs: 500, deadlineMs: 600_000 };

/**
 * A target whose calls are repeated when they fail for reasons that may pass. Every call of a target is safe to repeat;
 * a conditional put whose reply was lost finds its own object and says EXISTS, as its callers expect.
 */
export function retryingTarget(inner: Target, options: RetryOptions): Target {
	const { attempts, firstPauseMs, deadlineMs, nowMs, random, sleep } = { ...defaults, ...options };

	async function again<T>(work: () => Promise<T>): Promise<T> {
		const lastMs = nowMs() + deadlineMs;
		for (let attempt = 1; ; attempt++) {
			try {
				return await work();
			} catch (error) {
				const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** (attempt - 1)) * (1 - random() / 2);
				if (!isVaultError(error, ...mayPass) || attempt >= attempts || nowMs() + pauseMs > lastMs) throw error;
				await sleep(pauseMs);
			}
		}
	}

	return {
		description: inner.description,
		capabilities: inner.capabilities,
		put: (key, body, putOptions) => again(() => inner.put(key, body, putOptions)),
		get: (key, getOptions) => again(() => inner.get(key, getOptions)),
		head: (key) => again(() => inner.head(key)),
		delete: (key) => again(() => inner.delete(key)),
		/** A list is repeated as long as nothing of it has been handed out, and resumed behind what has. */
		async *list(folder) {
			let after: string | undefined;
			const listing: { iterator?: AsyncIterator<{ key: string; sizeBytes: number }> } = {};
			for (;;) {
				const next = await again(async () => {
					try {
						listing.iterator ??= inner.list(folder)[Symbol.asyncIterator]();
						for (;;) {
							const step = await listing.iterator.next();
							if (step.done === true || after === undefined || step.value.key > after) return step;
						}
					} catch (error) {
						delete listing.iterator;
						throw error;
					}
				});
				if (next.done === true) return;
				after = next.value.key;
				yield next.value;
			}
		},
	};
}
