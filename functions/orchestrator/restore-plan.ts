import { readCapture } from "#store/captures.ts";
import { moveRestore, readRestore } from "#store/restores.ts";
import { readSnapshot } from "#store/snapshots.ts";
import { readFacts } from "./facts.ts";
import { backgroundSession } from "./identity.ts";
import { planRestore } from "./plan.ts";
import { selectionOf } from "./selection.ts";
import type { Outcome, Step } from "./step.ts";

/** Decides everything, stores it, and from then on only what it names is made. A plan that is there is not made again. */
export async function plan({ context, db, run }: Step): Promise<Outcome> {
	const restore = await readRestore(db, run.subject_id);
	if (restore === null) return { fail: "The restore has been removed." };
	if (restore.plan !== null) return { next: "volumes" };
	const [snapshot, capture] = [await readSnapshot(db, restore.snapshot_id), await readCapture(db, restore.snapshot_id)];
	if (snapshot === null || capture === null) return { fail: "The snapshot has been removed." };
	const selection = selectionOf(
		restore.options,
		snapshot.instances.map(({ id }) => id),
	);
	const facts = await readFacts(backgroundSession(context, run.project_id), capture.captured);
	const made = planRestore(snapshot, capture.captured, selection, facts);
	const size = made.instances.flatMap(({ disks }) => disks).reduce((total, disk) => total + disk.size_bytes, 0);
	const warning_msg = made.notes.length === 0 ? null : made.notes.join(" ").slice(0, 4_000);
	const set = { plan: made, size, warning_msg, progress_msg: "The restore is planned" };
	const move = { from: ["creating", "restoring"], to: "restoring", now: context.now(), set } as const;
	const moved = await moveRestore(db, restore._id, move);
	return moved === null ? { cancelled: true } : { next: "volumes" };
}
