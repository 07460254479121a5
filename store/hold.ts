import type { Db } from "mongodb";
import type { RunDocument } from "#schemas/run.ts";
import { runMoves, runs } from "./runs.ts";
import { checkMove } from "./transition.ts";

/**
 * How long an activation may hold a run. Longer than any activation lives (25 s, and the store's own 15 s deadline on
 * a call that was under way), so that a hold never runs out under a holder that still acts.
 */
export const runHoldMs = 45_000;

/** The hold is another's now: whoever gets this must stop without touching anything. */
export class HoldLost extends Error {
	override readonly name = "HoldLost";
}

/** A run as its holder has it. */
export type HeldRun = RunDocument & { lease_token: string };

/** Takes a run that is due. null when it is not due, held by another, over or unknown. */
export async function holdRun(db: Db, id: string, now: Date, newId: () => string): Promise<HeldRun | null> {
	return hold(db, { _id: id }, now, newId);
}

/** Takes the run that has been due longest. null when none is. */
export async function holdDueRun(db: Db, now: Date, newId: () => string): Promise<HeldRun | null> {
	return hold(db, {}, now, newId);
}

async function hold(db: Db, which: { _id?: string }, now: Date, newId: () => string): Promise<HeldRun | null> {
	const held = await runs(db).findOneAndUpdate(
		{ ...which, state: "active", available_at: { $lte: now } },
		{ $set: { lease_token: newId(), available_at: holdEnd(now), updated_at: now }, $inc: { attempts: 1 } },
		{ sort: { available_at: 1 }, returnDocument: "after" },
	);
	return held as HeldRun | null;
}

/** Changes a run by its holder, extends the hold, and answers the run as it is then. Throws `HoldLost`. */
export async function changeHeldRun(
	db: Db,
	run: HeldRun,
	set: Partial<Pick<RunDocument, "step" | "error_msg" | "attempts">>,
	now: Date,
): Promise<HeldRun> {
	checkMove(runMoves, "run", ["active"], "active");
	const changed = await runs(db).findOneAndUpdate(
		{ _id: run._id, lease_token: run.lease_token, state: "active" },
		{
			$set: {
				...set,
				...(set.step !== undefined && set.step !== run.step && { step_at: now }),
				available_at: holdEnd(now),
				updated_at: now,
			},
		},
		{ returnDocument: "after" },
	);
	if (changed === null) throw new HoldLost(run._id);
	return changed as HeldRun;
}

/**
 * Lets go of a run until `until`. When it was nudged since it was read as `run`, the hold stays instead and the run
 * is answered as it is now: the holder looks again at once. null when it is let go. Throws `HoldLost`.
 */
export async function releaseRun(
	db: Db,
	run: HeldRun,
	set: Partial<Pick<RunDocument, "attempts">>,
	until: Date,
	now: Date,
): Promise<HeldRun | null> {
	checkMove(runMoves, "run", ["active"], "active");
	const { matchedCount } = await runs(db).updateOne(
		{ _id: run._id, lease_token: run.lease_token, state: "active", nudges: run.nudges },
		{ $set: { ...set, lease_token: null, available_at: until, updated_at: now } },
	);
	return matchedCount === 1 ? null : changeHeldRun(db, run, set, now);
}

/** Ends a run by its holder. Throws `HoldLost`. */
export async function endRun(db: Db, run: HeldRun, to: "done" | "failed", now: Date): Promise<void> {
	checkMove(runMoves, "run", ["active"], to);
	const { matchedCount } = await runs(db).updateOne(
		{ _id: run._id, lease_token: run.lease_token, state: "active" },
		{ $set: { state: to, lease_token: null, updated_at: now } },
	);
	if (matchedCount === 0) throw new HoldLost(run._id);
}

/**
 * Picks a run that has been due for a while, for another nudge, at most once in `quietMs` for each run however many
 * ask. null when there is none. Second source of nudges beside the tick.
 */
export async function pickOverdueRun(db: Db, now: Date, quietMs: number): Promise<string | null> {
	const run = await runs(db).findOneAndUpdate(
		{ state: "active", available_at: { $lte: now }, updated_at: { $lte: new Date(now.getTime() - quietMs) } },
		{ $set: { updated_at: now } },
		{ sort: { available_at: 1 }, returnDocument: "after" },
	);
	return run?._id ?? null;
}

function holdEnd(now: Date): Date {
	return new Date(now.getTime() + runHoldMs);
}
