import { getServer, startServer } from "#openstack/nova.ts";
import { moveRestore, readRestore, restoringStates } from "#store/restores.ts";
import { unlockSnapshot } from "#store/snapshots.ts";
import { orGone, readPlanned, unlessBusy, waitFor } from "./carry-out.ts";
import { backgroundSession } from "./identity.ts";
import { attach } from "./restore-attach.ts";
import { plan } from "./restore-plan.ts";
import { servers } from "./restore-servers.ts";
import { transfer } from "./restore-transfer.ts";
import { undoCreated } from "./restore-undo.ts";
import { volumes } from "./restore-volumes.ts";
import type { Outcome, RunTable, Step } from "./step.ts";
import { stopJobs } from "./work.ts";

/** A restore: a plan first, then only what the plan names, each thing recorded as soon as it exists. */
export const restoreRun: RunTable = {
	steps: { plan, volumes, servers, attach, transfer, start, finish },
	pointOfNoReturn: "finish",
	undo: { "undo-jobs": undoJobs, "undo-created": undoCreated, "undo-finish": undoFinish },
};

/** Servers whose originals ran are started; the others stay stopped, as their originals were. */
async function start(step: Step): Promise<Outcome> {
	const session = backgroundSession(step.context, step.run.project_id);
	const { plan } = await readPlanned(step);
	for (const { start: wanted, new_id, name } of plan.instances) {
		if (!wanted || new_id === null) continue;
		const server = await orGone(() => getServer(session, new_id));
		if (server === null) return { fail: `The new instance ${name} (${new_id}) has been deleted by somebody.` };
		if (server.status === "ERROR")
			return { fail: `The new instance ${name} does not start: ${server.fault?.message ?? ""}` };
		if (server.status === "ACTIVE") continue;
		if (server.status === "SHUTOFF" && !server["OS-EXT-STS:task_state"])
			await unlessBusy(() => startServer(session, new_id));
		return waitFor(step, `instance ${name}`);
	}
	return { next: "finish" };
}

/** The restore first, the snapshot second: T4O's clients wait for the snapshot and then read the restore once. */
async function finish({ context, db, run }: Step): Promise<Outcome> {
	const now = context.now();
	const restore = await readRestore(db, run.subject_id);
	if (restore !== null) {
		// T4O's text.
		const set = { progress_msg: "Restore from snapshot is complete", error_msg: null, finished_at: now };
		await moveRestore(db, restore._id, { from: ["restoring", "cancelling"], to: "available", now, set });
		await unlockSnapshot(db, restore.snapshot_id, run._id, now);
	}
	return { end: "done" };
}

/** No agent writes to the new disks any more when this is done. */
async function undoJobs(step: Step): Promise<Outcome> {
	return (await stopJobs(step)) ?? { next: "undo-created" };
}

async function undoFinish({ context, db, run }: Step): Promise<Outcome> {
	const now = context.now();
	const to = run.error_msg === null ? "cancelled" : "error";
	const progress_msg = to === "cancelled" ? "Restore is cancelled" : "Restore has failed";
	const set = { error_msg: run.error_msg, progress_msg, finished_at: now };
	const restore = await readRestore(db, run.subject_id);
	if (restore !== null) {
		await moveRestore(db, restore._id, { from: restoringStates, to, now, set });
		await unlockSnapshot(db, restore.snapshot_id, run._id, now);
	}
	return { end: "failed" };
}
