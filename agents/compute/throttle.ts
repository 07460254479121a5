import { setTimeout as sleep } from "node:timers/promises";

/** Resolves when `bytes` more may be moved. Rejects with the signal's reason when it is aborted. */
export type Throttle = (bytes: number, signal: AbortSignal) => Promise<void>;

/**
 * Paces all jobs of the agent together to `mibPerSecond`. Time that was not used is not saved up, so a rate is never
 * exceeded for longer than one transfer. `now` is a monotonic clock in milliseconds.
 */
export const newThrottle = (mibPerSecond: number | undefined, now: () => number): Throttle => {
	if (mibPerSecond === undefined) return async (_bytes, signal) => signal.throwIfAborted();
	const bytesPerMs = (mibPerSecond * 1024 * 1024) / 1000;
	let freeAt = now();
	return async (bytes, signal) => {
		signal.throwIfAborted();
		const startAt = Math.max(freeAt, now());
		freeAt = startAt + bytes / bytesPerMs;
		const waitMs = startAt - now();
		if (waitMs > 0) await sleep(waitMs, undefined, { signal });
	};
};
