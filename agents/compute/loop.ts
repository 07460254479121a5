import { type Static, Type } from "typebox";
import { ClaimedJob, type SyncRequest, SyncResponse } from "#schemas/sync.ts";
import type { HeldJobs } from "./held.ts";
import { workingMs } from "./lease.ts";
import type { Log } from "./log.ts";

/**
 * An answer as far as the loop reads it. Payloads are judged one by one when they are taken: a job that only a newer
 * agent understands must not cost this one the rest of the answer.
 */
const Offer = Type.Object({ ...ClaimedJob.properties, payload: Type.Unknown() });
export type Offer = Static<typeof Offer>;
export const SyncAnswer = Type.Object({ ...SyncResponse.properties, claimed: Type.Array(Offer) });
export type SyncAnswer = Static<typeof SyncAnswer>;

export type Api = {
	/** One sync call. Throws on anything but an answer of the right shape; must end within a deadline of its own. */
	sync(request: SyncRequest, signal: AbortSignal): Promise<SyncAnswer>;
};

export type LoopOptions = {
	api: Api;
	held: HeldJobs;
	agent: SyncRequest["agent"];
	/** Resolved waits end early when a job has ended. */
	wake: Wake;
	/** Monotonic milliseconds. */
	clock: () => number;
	/** Uniform in [0, 1). */
	random: () => number;
	log: Log;
	onFirstSync: () => void;
	signal: AbortSignal;
};

const firstBackoffMs = 500;
const longestBackoffMs = 15_000;
/** Whatever the API says: not a busy loop, and not silence. */
const shortestPauseMs = 50;
const longestPauseMs = 60_000;

export type Wake = {
	call(): void;
	/** Resolves after `ms`, or sooner when `call` was called since the last wait ended. */
	wait(ms: number, signal: AbortSignal): Promise<void>;
};

export const newWake = (): Wake => {
	let called = false;
	let finish: (() => void) | undefined;
	return {
		call() {
			called = true;
			finish?.();
		},
		wait: (ms, signal) =>
			new Promise((resolve) => {
				const done = (): void => {
					clearTimeout(timer);
					signal.removeEventListener("abort", done);
					finish = undefined;
					called = false;
					resolve();
				};
				const timer = setTimeout(done, ms);
				finish = done;
				signal.addEventListener("abort", done, { once: true });
				if (called || signal.aborted) done();
			}),
	};
};

/** Full spread, so that the agents of a cloud do not come back in step after an outage. */
const backoffMs = (failures: number, random: () => number): number =>
	Math.min(longestBackoffMs, firstBackoffMs * 2 ** (failures - 1)) * (0.5 + random() / 2);

/**
 * Syncs until `signal` is aborted: reports what is held, takes the answers, claims as many jobs as there are free
 * slots. A lease counts from the moment its request was sent, so a slow answer shortens it and never stretches it.
 */
export const syncLoop = async (options: LoopOptions): Promise<void> => {
	const { api, held, agent, wake, clock, random, log, signal } = options;
	let failures = 0;
	let first = true;
	while (!signal.aborted) {
		const sentAt = clock();
		const jobs = held.reports();
		const claim = Math.max(0, agent.slots - held.busy());
		let answer: SyncAnswer;
		try {
			answer = await api.sync({ agent, jobs, claim }, signal);
		} catch (error) {
			if (signal.aborted) return;
			failures++;
			const pauseMs = backoffMs(failures, random);
			log("the datamover API does not answer as it should", {
				error: (error as Error).message,
				failures,
				again_in_ms: Math.round(pauseMs),
			});
			await newWake().wait(pauseMs, signal);
			continue;
		}
		if (failures > 0) log("the datamover API answers again", { failures });
		failures = 0;
		const leaseMs = workingMs(answer.lease_ms, clock() - sentAt);
		for (const { id, answer: verdict } of answer.jobs) {
			const report = jobs.find((job) => job.id === id);
			if (report) await held.answer(report, verdict, leaseMs);
		}
		for (const job of answer.claimed) await held.take(job, leaseMs);
		if (first) options.onFirstSync();
		first = false;
		await wake.wait(Math.min(longestPauseMs, Math.max(shortestPauseMs, answer.next_sync_ms)), signal);
	}
};
