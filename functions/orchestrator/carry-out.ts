import { isOpenStackError } from "#openstack/error.ts";
import type { PlannedDisk, PlannedInstance, RestoreDocument, RestorePlan } from "#schemas/restore.ts";
import { readRestore, recordRestore } from "#store/restores.ts";
import { CannotDo, ChangedMeanwhile, type Outcome, type Step } from "./step.ts";

/** Nova and Cinder are asked again after this time while they build. */
export const pollMs = 1_500;
/** How long one step waits for Nova or Cinder. Building a server from a large image takes minutes. */
export const stepLimitMs = 20 * 60_000;

/** Found again on servers and volumes, so that a crash after a create never makes a second one. */
export const restoreKey = "holdfast_restore";
export const serverKey = (restore: RestoreDocument, instance: PlannedInstance): string =>
	`${restore._id}/${instance.original_id}`;
export const volumeKey = (restore: RestoreDocument, instance: PlannedInstance, disk: PlannedDisk): string =>
	`${restore._id}/${instance.original_id}/${disk.disk_id}`;

export type PlannedRestore = RestoreDocument & { plan: RestorePlan };

/** The restore with its plan. Throws `CannotDo` where either is missing. */
export async function readPlanned({ db, run }: Step): Promise<PlannedRestore> {
	const restore = await readRestore(db, run.subject_id);
	if (restore?.plan) return restore as PlannedRestore;
	throw new CannotDo("The restore or its plan has been removed.");
}

/** Stores what a step did to the plan, at once: what is not stored is looked for by its key. Throws `ChangedMeanwhile`. */
export async function record({ context, db }: Step, restore: PlannedRestore): Promise<PlannedRestore> {
	const { plan, created } = restore;
	const stored = await recordRestore(db, restore, { plan, created }, context.now());
	if (stored === null) throw new ChangedMeanwhile("The restore was changed by somebody else meanwhile.");
	return stored as PlannedRestore;
}

/** Waits a little, but not longer than the step's limit. */
export function waitFor({ context, run }: Step, what: string): Outcome {
	const waitedMs = context.now().getTime() - run.step_at.getTime();
	if (waitedMs < stepLimitMs) return { waitMs: pollMs };
	return { fail: `Waiting for ${what} took longer than ${stepLimitMs / 60_000} minutes.` };
}

/** The state of a thing in the cloud, or null when it is gone. */
export async function orGone<T>(read: () => Promise<T>): Promise<T | null> {
	try {
		return await read();
	} catch (error) {
		if (isOpenStackError(error, "not-found")) return null;
		throw error;
	}
}

/** True when the service did it; false when it is busy with something and must be asked again. */
export async function unlessBusy(act: () => Promise<unknown>): Promise<boolean> {
	try {
		await act();
		return true;
	} catch (error) {
		if (isOpenStackError(error, "conflict")) return false;
		throw error;
	}
}
