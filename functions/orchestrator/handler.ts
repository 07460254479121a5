import type { Context } from "#functions/adapter/context.ts";
import { holdDueRun, holdRun } from "#store/hold.ts";
import { nudgeRun } from "#store/runs.ts";
import { advance, type Progress } from "./engine.ts";
import { reconcile } from "./reconcile.ts";

/** Runs that one activation advances; when there are more it asks for another one. */
const batch = 20;
/** No run is begun with less time than this. */
const runReserveMs = 8_000;

/**
 * `{ run_id }`: advances that run. Without: makes good what crashes left, then advances every run that is due. The
 * parameters of a trigger are never state: they only say where to look.
 */
export async function orchestrate(
	parameters: Record<string, unknown>,
	context: Context,
): Promise<Record<string, unknown>> {
	const { run_id } = parameters;
	if (typeof run_id === "string" && run_id !== "") return { run_id, progress: await advanceOne(context, run_id) };
	await reconcile(context);
	return advanceDue(context);
}

/** A run that another activation holds is only nudged: its holder looks again before it lets go. */
async function advanceOne(context: Context, runId: string): Promise<Progress | "over" | "held"> {
	const db = await context.database();
	if (!(await nudgeRun(db, runId, context.now()))) return "over";
	const run = await holdRun(db, runId, context.now(), context.newId);
	return run === null ? "held" : advance(context, run);
}

async function advanceDue(context: Context): Promise<Record<string, unknown>> {
	const db = await context.database();
	let advanced = 0;
	while (advanced < batch && context.deadlineMs - Date.now() > runReserveMs) {
		const run = await holdDueRun(db, context.now(), context.newId);
		if (run === null) return { advanced };
		await advance(context, run);
		advanced++;
	}
	await context.nudge();
	return { advanced, more: true };
}
