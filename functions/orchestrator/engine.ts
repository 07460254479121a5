import { setTimeout as sleep } from "node:timers/promises";
import type { Context } from "#functions/adapter/context.ts";
import { isOpenStackError } from "#openstack/error.ts";
import { changeHeldRun, endRun, type HeldRun, HoldLost, releaseRun } from "#store/hold.ts";
import { CannotDo, ChangedMeanwhile, type Outcome, type RunTable } from "./step.ts";
import { tables } from "./tables.ts";

/** No step starts with less time than this before the activation's deadline. */
const stepReserveMs = 6_000;
/** An activation sleeps at most this long in all; longer waits let go of the run. */
const longestSleepMs = 2_000;
/** Times in a row that a step may fail for reasons that may pass. With the backoff: about three minutes. */
export const maxStepAttempts = 8;
const firstBackoffMs = 1_000;
const longestBackoffMs = 30_000;

/** `paused`: it wants to be looked at later. `lost`: another activation has it. */
export type Progress = "paused" | "done" | "failed" | "lost";

/**
 * Advances a held run, step by step, until it waits, ends, or the activation's time is nearly over. Every step may run
 * more than once; only the holder of the lease token can move the run.
 */
export async function advance(context: Context, held: HeldRun): Promise<Progress> {
	const db = await context.database();
	let run = held;
	let sleptMs = 0;
	try {
		while (true) {
			if (context.deadlineMs - Date.now() < stepReserveMs) {
				const again = await releaseRun(db, run, {}, context.now(), context.now());
				if (again === null) await context.nudge(run._id);
				return "paused";
			}
			const table = tables[run.kind];
			const outcome = await attempt(context, table, run);
			if ("end" in outcome) {
				await endRun(db, run, outcome.end, context.now());
				context.log("run-ended", { run_id: run._id, state: outcome.end, reason: run.error_msg });
				return outcome.end;
			}
			if ("waitMs" in outcome || "retryMs" in outcome) {
				const waitMs = "waitMs" in outcome ? outcome.waitMs : outcome.retryMs;
				if ("waitMs" in outcome && sleptMs + waitMs <= longestSleepMs) {
					sleptMs += waitMs;
					await sleep(waitMs);
					continue;
				}
				const until = new Date(context.now().getTime() + waitMs);
				const again = await releaseRun(db, run, "waitMs" in outcome ? { attempts: 0 } : {}, until, context.now());
				if (again === null) return "paused";
				run = again;
				continue;
			}
			const move = moveOf(table, run, outcome);
			context.log("run-step", { run_id: run._id, from: run.step, to: move.step, reason: move.error_msg });
			run = await changeHeldRun(db, run, { ...move, attempts: 0 }, context.now());
		}
	} catch (error) {
		if (!(error instanceof HoldLost)) throw error;
		context.log("run-hold-lost", { run_id: run._id, step: run.step });
		return "lost";
	}
}

/** Where a run goes that leaves its step. */
function moveOf(table: RunTable, run: HeldRun, outcome: Exclude<Outcome, { waitMs: number } | { end: string }>) {
	if ("next" in outcome) return { step: outcome.next };
	const wayBack = Object.keys(table.undo);
	const reason = "fail" in outcome ? outcome.fail : null;
	if (!(run.step in table.undo)) return { step: wayBack[0] as string, error_msg: reason };
	// The way back itself failed: say so, and let go of the rest.
	return { step: wayBack.at(-1) as string, error_msg: [run.error_msg, reason].filter(Boolean).join(" ") || null };
}

async function attempt(context: Context, table: RunTable, run: HeldRun): Promise<Outcome | { retryMs: number }> {
	const step = table.steps[run.step] ?? table.undo[run.step];
	if (step === undefined) return { fail: `This version does not know the step ${run.step}; update all functions.` };
	if (run.cancel_requested && isCancellable(table, run.step)) return { cancelled: true };
	try {
		return await step({ context, db: await context.database(), run });
	} catch (error) {
		if (error instanceof HoldLost) throw error;
		return judge(context, run, error);
	}
}

function isCancellable(table: RunTable, step: string): boolean {
	const order = Object.keys(table.steps);
	return order.includes(step) && order.indexOf(step) < order.indexOf(table.pointOfNoReturn);
}

/** What no repetition helps with becomes a failure at once; anything else is tried again a few times. */
function judge(
	context: Context,
	run: HeldRun,
	error: unknown,
): { fail: string } | { waitMs: number } | { retryMs: number } {
	const message = error instanceof Error ? error.message : String(error);
	if (error instanceof CannotDo) return { fail: message };
	if (error instanceof ChangedMeanwhile) return { waitMs: 0 };
	if (isOpenStackError(error, "bad-request", "forbidden", "not-found", "unauthorized")) {
		return { fail: `The ${error.service} service refused step ${run.step}: ${message}` };
	}
	if (context.signal.aborted) return { retryMs: 0 };
	context.log("step-failed", { run_id: run._id, step: run.step, attempt: run.attempts, error });
	if (run.attempts >= maxStepAttempts) {
		return { fail: `Step ${run.step} failed ${run.attempts} times; the last reason was: ${message}` };
	}
	return { retryMs: Math.min(longestBackoffMs, firstBackoffMs * 2 ** (run.attempts - 1)) };
}
