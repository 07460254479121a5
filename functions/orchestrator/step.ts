import type { Db } from "mongodb";
import type { Context } from "#functions/adapter/context.ts";
import type { HeldRun } from "#store/hold.ts";

/** What a step gets: the run as its holder has it, and the outside world. */
export type Step = { context: Context; db: Db; run: HeldRun };

/** What a step answers. It may be run again at any time, so it says what is to follow, and changes no run itself. */
export type Outcome =
	/** This step is done. */
	| { next: string }
	/** Look again after this time, or when the run is nudged. */
	| { waitMs: number }
	/** It cannot be done, and this sentence says why: go the way back. */
	| { fail: string }
	/** Somebody asked for the end: go the way back without an error. */
	| { cancelled: true }
	| { end: "done" | "failed" };

export type StepFunction = (step: Step) => Promise<Outcome>;

/** The steps of one kind of run. */
export type RunTable = {
	/** Way there, in order. */
	steps: Readonly<Record<string, StepFunction>>;
	/** Way back after a failure or a cancel, in order. The last one tells the subject how it ended. */
	undo: Readonly<Record<string, StepFunction>>;
	/** From this step of the way there on, a cancel comes too late. */
	pointOfNoReturn: string;
};

/** A sentence for the user: this cannot be done, and no repetition will help. Thrown by steps; equals `fail`. */
export class CannotDo extends Error {
	override readonly name = "CannotDo";
}

/** Somebody else changed the subject since the step read it (a cancel, for one): the step is run again at once. */
export class ChangedMeanwhile extends Error {
	override readonly name = "ChangedMeanwhile";
}
