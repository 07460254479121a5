import type { PlannedInstance } from "#schemas/restore.ts";
import { showRestoreProgress } from "#store/restores.ts";
import { readSnapshot } from "#store/snapshots.ts";
import { readPlanned } from "./carry-out.ts";
import { readServer } from "./describe.ts";
import { backgroundSession } from "./identity.ts";
import { locateDisks } from "./locate.ts";
import { CannotDo, type Outcome, type Step } from "./step.ts";
import { jobIdOf, jobsOfStep, judgeJobs, queue } from "./work.ts";

/** One job a new instance, on its host: the snapshot's disks into the new ones. */
export async function transfer(step: Step): Promise<Outcome> {
	const { context, db, run } = step;
	const restore = await readPlanned(step);
	let jobs = await jobsOfStep(step, "transfer");
	if (jobs.length < restore.plan.instances.length) {
		const snapshot = await readSnapshot(db, restore.snapshot_id);
		if (snapshot === null) return { fail: "The snapshot has been removed." };
		const known = new Set(jobs.map((job) => job._id));
		for (const planned of restore.plan.instances) {
			const _id = jobIdOf(run._id, "transfer", planned.original_id);
			if (known.has(_id)) continue;
			const disks = await locate(
				step,
				planned,
				snapshot.instances.find(({ id }) => id === planned.original_id)?.disks ?? [],
			);
			const place = { target_id: snapshot.target_id, project_id: run.project_id, snapshot_id: snapshot._id };
			const payload = { kind: "restore-instance", ...place, instance_id: planned.new_id as string, disks } as const;
			await queue(step, { _id, host: planned.host, payload });
		}
		await showRestoreProgress(db, restore._id, { progress_msg: "Disks are being written" });
		jobs = await jobsOfStep(step, "transfer");
	}
	const outcome = await judgeJobs(step, jobs);
	if (outcome !== undefined) return outcome;
	await showRestoreProgress(db, restore._id, { done_bytes: restore.size, progress_msg: "All disks are written" });
	context.log("restore-transferred", { run_id: run._id, instances: jobs.length });
	return { next: "start" };
}

type SnapshotDisks = NonNullable<Awaited<ReturnType<typeof readSnapshot>>>["instances"][number]["disks"];

async function locate({ context, run }: Step, planned: PlannedInstance, stored: SnapshotDisks) {
	const session = backgroundSession(context, run.project_id);
	const located = await locateDisks(session, await readServer(session, planned.new_id as string));
	return planned.disks.map(({ disk_id, device, new_volume_id }) => {
		// A Nova disk is the one that is no volume; a volume is known by its id.
		const locator = located.find((disk) => disk.volume_id === new_volume_id)?.locator;
		const manifest = stored.find((disk) => disk.disk_id === disk_id)?.manifest;
		if (!locator) throw new CannotDo(`The new instance ${planned.name} has no disk for ${device}.`);
		if (!manifest) throw new CannotDo(`The snapshot has no content for disk ${device} of ${planned.name}.`);
		return { disk_id, device, locator, manifest };
	});
}
