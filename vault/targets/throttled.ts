import type { Target } from "../target.ts";

/** Bytes per second, or from when to when which ones: `from` and `to` are minutes of the local day. */
export type Rate = { bytesPerSecond: number; from?: number; to?: number };

export type ThrottleOptions = {
	/** The first whose window has the present minute counts; outside all windows there is no limit. */
	rates: readonly Rate[];
	/** Monotonic milliseconds. */
	nowMs: () => number;
	/** Minutes since the local midnight. */
	minuteOfDay: () => number;
	sleep: (ms: number) => Promise<void>;
};

/**
 * A target whose bytes, both ways together, do not flow faster than the rate of the hour. Time that was not used is not
 * saved up. What is read is paced after the fact, so one read may come early and the next late.
 */
export function throttledTarget(inner: Target, { rates, nowMs, minuteOfDay, sleep }: ThrottleOptions): Target {
	let freeAtMs = nowMs();

	async function pace(bytes: number): Promise<void> {
		const rate = rates.find((one) => isIn(one, minuteOfDay()));
		if (rate === undefined || bytes === 0) return;
		const startMs = Math.max(freeAtMs, nowMs());
		freeAtMs = startMs + (bytes / rate.bytesPerSecond) * 1000;
		const waitMs = freeAtMs - nowMs();
		if (waitMs > 0) await sleep(waitMs);
	}

	return {
		...inner,
		async put(key, body, options) {
			await pace(body.reduce((sum, { length }) => sum + length, 0));
			return inner.put(key, body, options);
		},
		async get(key, options) {
			const bytes = await inner.get(key, options);
			await pace(bytes.length);
			return bytes;
		},
	};
}

/** A window may go over midnight. */
function isIn({ from = 0, to = 24 * 60 }: Rate, minute: number): boolean {
	return from <= to ? minute >= from && minute < to : minute >= from || minute < to;
}
