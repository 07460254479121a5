import { JobPayload, type JobProgress } from "#schemas/job.ts";
import type { JobReport } from "#schemas/sync.ts";
import { validate } from "#schemas/validate.ts";
import { AgentError, toJobError } from "./errors.ts";
import type { Host } from "./jobs/context.ts";
import { runJob } from "./jobs/run.ts";
import { type Claim, type Entry, type Journal, newEntry, type Outcome } from "./journal.ts";
import type { Offer } from "./loop.ts";
import { version } from "./version.ts";

/**
 * `waiting`: ours by the journal, but nothing is done until the API has confirmed the lease. `running`: at work.
 * `ended`: the outcome waits to be reported. `leaving`: not ours any more, its work is coming to an end.
 */
type Phase = "waiting" | "running" | "ended" | "leaving";

type HeldJob = {
	readonly entry: Entry;
	phase: Phase;
	progress: JobProgress | undefined;
	/** Why the work was told to stop. */
	stop: AbortController;
	leaseTimer: NodeJS.Timeout | undefined;
	/** Settles when nothing of the job's work is left. */
	work: Promise<void>;
};

/** A timer of Node fires at once when it is set to more. */
const longestTimerMs = 2 ** 31 - 1;

type StopReason = "cancel" | "lost" | "lease" | "shutdown";

/** The jobs that this agent holds, and what becomes of them. */
export type HeldJobs = {
	/** One report per job that is still ours. */
	reports(): JobReport[];
	/** Jobs that take a slot. */
	busy(): number;
	/** What the API said about a report; `leaseMs` is how long from now the lease holds, already shortened by the journey. */
	answer(report: JobReport, answer: "ok" | "cancel" | "lost", leaseMs: number): Promise<void>;
	/** Takes a claimed job on; one that this version does not understand is answered as failed. */
	take(offer: Offer, leaseMs: number): Promise<void>;
	/** Stops all work; the journal keeps it for the next start. */
	shutdown(): Promise<void>;
};

export type HeldOptions = {
	host: Host;
	journal: Journal;
	/** What the journal had: jobs of an agent that was killed or stopped. */
	earlier: readonly Entry[];
	/** A job has ended: tell the API soon. */
	onEnd: () => void;
};

/** Counters of one attempt never go back, though an agent that starts again counts from zero. */
const grown = (before: JobProgress | undefined, now: JobProgress): JobProgress => {
	if (!before) return now;
	const names = Object.keys(now) as (keyof JobProgress)[];
	return Object.fromEntries(names.map((name) => [name, Math.max(before[name], now[name])])) as JobProgress;
};

export const holdJobs = ({ host, journal, earlier, onEnd }: HeldOptions): HeldJobs => {
	const newJob = (entry: Entry): HeldJob => ({
		...{ entry, progress: entry.progress, stop: new AbortController(), leaseTimer: undefined, work: Promise.resolve() },
		phase: entry.outcome ? "ended" : "waiting",
	});
	const jobs = new Set(earlier.filter(({ droppedAt }) => !droppedAt).map(newJob));
	const about = ({ entry }: HeldJob) => ({ job: entry.claim.id, kind: entry.claim.payload?.kind });

	const forget = (job: HeldJob): void => {
		clearTimeout(job.leaseTimer);
		jobs.delete(job);
	};
	const journalled = (what: Promise<unknown>): Promise<unknown> =>
		what.catch((error) => host.log("the journal could not be written", { error: (error as Error).message }));

	const end = async (job: HeldJob, outcome: Outcome): Promise<void> => {
		await journalled(journal.end(job.entry, outcome));
		job.entry.outcome = outcome;
		job.phase = "ended";
		const error = outcome.state === "failed" ? outcome.error : undefined;
		host.log(`job ${outcome.state}`, { ...about(job), ...error });
		onEnd();
	};

	const keepPack: (job: HeldJob) => Parameters<typeof runJob>[1]["keepPack"] = (job) => async (pack, counters) => {
		await journal.keepPack(job.entry, { pack, counters, progress: job.progress }).catch((cause) => {
			throw new AgentError("JOURNAL_FAILED", { reason: (cause as Error).message }, { cause });
		});
	};

	const work = async (job: HeldJob): Promise<void> => {
		const { entry, stop } = job;
		let outcome: Outcome;
		try {
			const result = await runJob(entry.claim.payload, {
				host,
				signal: stop.signal,
				earlier: { packs: [...entry.packs], counters: entry.counters },
				keepPack: keepPack(job),
				report(progress) {
					job.progress = grown(job.progress, progress);
				},
			});
			outcome = { state: "done", result };
		} catch (error) {
			outcome = { state: "failed", error: toJobError(error) };
			if (!stop.signal.aborted) host.log("the job's error in full", { ...about(job), stack: (error as Error)?.stack });
		}
		const reason = stop.signal.aborted ? (stop.signal.reason as StopReason) : undefined;
		// Work that was over before the stop reached it is over; only a lost lease makes it worthless.
		if (reason === "lost") return forget(job);
		if (reason === undefined || outcome.state === "done") return end(job, outcome);
		if (reason === "cancel") return end(job, { state: "cancelled" });
		job.phase = "waiting";
	};

	const start = (job: HeldJob): void => {
		const before = [...jobs].filter((other) => other !== job && other.entry.claim.id === job.entry.claim.id);
		const previous = Promise.all([job.work, ...before.map((other) => other.work)]);
		job.phase = "running";
		job.stop = new AbortController();
		host.log("job started", { ...about(job), packs: job.entry.packs.length });
		job.work = previous.then(() => work(job));
	};

	/** Work goes on only while the lease does; it is taken up again when the API confirms that it is still ours. */
	const lease = (job: HeldJob, leaseMs: number): void => {
		clearTimeout(job.leaseTimer);
		job.leaseTimer = setTimeout(
			() => {
				if (job.phase !== "running") return;
				host.log("the lease ran out without an answer of the datamover API: the job is stopped", about(job));
				job.stop.abort("lease" satisfies StopReason);
			},
			Math.min(leaseMs, longestTimerMs),
		);
	};

	const settle = async (job: HeldJob): Promise<void> => {
		forget(job);
		const { outcome } = job.entry;
		const again = outcome?.state === "failed" && outcome.error.retryable;
		await journalled(again ? journal.drop(job.entry) : journal.remove(job.entry));
	};

	/** A claim that no work is begun for is answered all the same, so that somebody hears of it. */
	const refuse = (claim: Claim, error: AgentError): void => {
		const job = newJob(newEntry(claim));
		jobs.add(job);
		job.entry.outcome = { state: "failed", error: toJobError(error) };
		job.phase = "ended";
		host.log(error.message, about(job));
		onEnd();
	};

	const lose = async (job: HeldJob): Promise<void> => {
		host.log("the job is not ours any more", about(job));
		if (job.phase === "running") {
			job.phase = "leaving";
			job.stop.abort("lost" satisfies StopReason);
		} else {
			forget(job);
		}
		await journalled(journal.drop(job.entry));
	};

	return {
		reports: () =>
			[...jobs]
				.filter(({ phase }) => phase !== "leaving")
				.map(({ entry, phase, progress }) => ({
					id: entry.claim.id,
					lease_token: entry.claim.lease_token,
					...(phase === "ended" && entry.outcome ? entry.outcome : { state: "running" as const }),
					...(progress && { progress }),
				})),
		busy: () => [...jobs].filter(({ phase }) => phase !== "ended").length,
		async answer(report, answer, leaseMs) {
			const job = [...jobs].find(
				({ entry, phase }) => phase !== "leaving" && entry.claim.lease_token === report.lease_token,
			);
			if (!job) return;
			if (answer === "lost") return lose(job);
			if (report.state !== "running") {
				if (answer === "ok" || report.state === "cancelled") return settle(job);
				return end(job, { state: "cancelled" });
			}
			if (answer === "cancel") {
				if (job.phase === "running") job.stop.abort("cancel" satisfies StopReason);
				else if (job.phase === "waiting") await end(job, { state: "cancelled" });
				return;
			}
			lease(job, leaseMs);
			if (job.phase === "waiting") start(job);
		},
		async take(offer, leaseMs) {
			const claim = offer as Claim;
			try {
				validate(JobPayload, offer.payload, "payload");
			} catch (cause) {
				return refuse(claim, new AgentError("JOB_UNKNOWN", { version, reason: (cause as Error).message }, { cause }));
			}
			try {
				const job = newJob(await journal.begin(claim));
				jobs.add(job);
				lease(job, leaseMs);
				start(job);
			} catch (cause) {
				refuse(claim, new AgentError("JOURNAL_FAILED", { reason: (cause as Error).message }, { cause }));
			}
		},
		async shutdown() {
			for (const job of jobs) {
				clearTimeout(job.leaseTimer);
				if (job.phase === "running") job.stop.abort("shutdown" satisfies StopReason);
			}
			await Promise.all([...jobs].map((job) => job.work));
		},
	};
};
