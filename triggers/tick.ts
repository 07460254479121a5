import { type Job, scheduleJob } from "node-schedule";

export type Ticker = {
	/** No more ticks; waits for the one on its way. Safe to call twice. */
	stop(): Promise<void>;
};

export type TickerOptions = {
	/** Seconds between ticks, on the clock's own grid: a divisor of 60, or whole minutes that divide an hour. */
	everySeconds: number;
	/** Fires the trigger once; may reject. */
	fire: () => Promise<void>;
	log: (line: string) => void;
};

/**
 * Calls `fire` on schedule. A tick is only a nudge, and the truth about what is due stands in the store: so a tick that
 * fails is logged and not repeated, and one that comes while another is on its way is dropped.
 */
export function startTicker({ everySeconds, fire, log }: TickerOptions): Ticker {
	let underWay: Promise<void> | undefined;
	const job: Job = scheduleJob(cronOf(everySeconds), () => {
		if (underWay !== undefined) return log("tick dropped: the one before has not been answered yet");
		underWay = fire()
			.catch((error: Error) => log(`tick failed: ${error.message}`))
			.finally(() => {
				underWay = undefined;
			});
	});
	return {
		async stop() {
			job.cancel();
			await underWay;
		},
	};
}

/** Cron with seconds. Throws a sentence for an interval that has no even grid. */
export function cronOf(everySeconds: number): string {
	const minutes = everySeconds / 60;
	if (Number.isInteger(everySeconds) && everySeconds >= 1) {
		if (everySeconds < 60 && 60 % everySeconds === 0) return `*/${everySeconds} * * * * *`;
		if (Number.isInteger(minutes) && minutes < 60 && 60 % minutes === 0) return `0 */${minutes} * * * *`;
	}
	throw new Error(
		`--every must be a number of seconds that divides a minute, or of whole minutes that divide an hour, not '${everySeconds}'.`,
	);
}
