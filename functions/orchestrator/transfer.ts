import { BackupResult, type JobDocument } from "#schemas/job.ts";
import type { SnapshotDocument, SnapshotInstance } from "#schemas/snapshot.ts";
import { validate } from "#schemas/validate.ts";
import { moveSnapshot, newestIntact, readSnapshot } from "#store/snapshots.ts";
import { baseOf } from "./base.ts";
import { isRunning } from "./capture.ts";
import { readServer } from "./describe.ts";
import { backgroundSession } from "./identity.ts";
import { hostOf, locateDisks } from "./locate.ts";
import { CannotDo, type Outcome, type Step } from "./step.ts";
import { jobIdOf, jobsOfStep, judgeJobs, queue } from "./work.ts";

/** One job an instance, on the host where its disks are. When all are done the snapshot knows its manifests. */
export async function transfer(step: Step): Promise<Outcome> {
	const { context, db, run } = step;
	const found = await readSnapshot(db, run.subject_id);
	if (found === null) return { fail: "The snapshot has been removed." };
	const set = { progress_msg: "Disks are being read" };
	const move = { from: ["executing", "uploading"], to: "uploading", now: context.now(), set } as const;
	const snapshot = await moveSnapshot(db, found._id, move);
	if (snapshot === null) return { cancelled: true };
	let jobs = await jobsOfStep(step, "transfer");
	if (jobs.length < snapshot.instances.length) {
		await queueBackups(step, snapshot, new Set(jobs.map((job) => job._id)));
		jobs = await jobsOfStep(step, "transfer");
	}
	const outcome = await judgeJobs(step, jobs);
	if (outcome !== undefined) return outcome;
	const instances = snapshot.instances.map((instance) => withResult(instance, jobs));
	const warnings = jobs.flatMap((job) => resultOf(job).warnings);
	const warning_msg = warnings.length === 0 ? null : warnings.join(" ").slice(0, 4_000);
	const total = (field: "size_bytes" | "stored_bytes") =>
		instances.flatMap(({ disks }) => disks).reduce((sum, disk) => sum + disk[field], 0);
	const counters = { size: total("size_bytes"), done_bytes: total("size_bytes"), uploaded_size: total("stored_bytes") };
	const stored = { ...counters, instances, warning_msg, progress_msg: "All disks are stored" };
	const moved = await moveSnapshot(db, snapshot._id, { ...move, now: context.now(), set: stored });
	return moved === null ? { cancelled: true } : { next: "commit" };
}

async function queueBackups(step: Step, snapshot: SnapshotDocument, known: ReadonlySet<string>): Promise<void> {
	const { context, db, run } = step;
	const session = backgroundSession(context, run.project_id);
	const previous = await newestIntact(db, snapshot.workload_id, snapshot.target_id);
	for (const instance of snapshot.instances) {
		const _id = jobIdOf(run._id, "transfer", instance.id);
		if (known.has(_id)) continue;
		// Read again: since the capture it may have been moved to another host.
		const server = await readServer(session, instance.id);
		const located = await locateDisks(session, server);
		const disks = instance.disks.map(({ disk_id, device }) => {
			const locator = located.find((disk) => disk.disk_id === disk_id)?.locator;
			if (!locator) throw new CannotDo(`Disk ${device} of instance ${instance.name} has been detached meanwhile.`);
			const base = instance.snapshot_type === "full" ? null : baseOf(previous, instance.id, disk_id);
			return { disk_id, device, locator, base };
		});
		const place = { target_id: snapshot.target_id, project_id: run.project_id, snapshot_id: snapshot._id };
		const payload = {
			kind: "backup-instance",
			...place,
			instance_id: instance.id,
			running: isRunning(server),
			disks,
		} as const;
		await queue(step, { _id, host: hostOf(server), payload });
	}
}

function withResult(instance: SnapshotInstance, jobs: readonly JobDocument[]): SnapshotInstance {
	const job = jobs.find(({ payload }) => payload.kind === "backup-instance" && payload.instance_id === instance.id);
	const results = job ? resultOf(job).disks : [];
	const disks = instance.disks.map((disk) => {
		const result = results.find(({ disk_id }) => disk_id === disk.disk_id);
		if (result === undefined)
			throw new CannotDo(`The agent did not say what became of disk ${disk.device} of ${instance.name}.`);
		const { manifest, size_bytes, allocated_bytes, read_bytes, sent_bytes, stored_bytes } = result;
		return { ...disk, manifest, size_bytes, allocated_bytes, read_bytes, sent_bytes, stored_bytes };
	});
	return { ...instance, disks };
}

function resultOf(job: JobDocument): BackupResult {
	return validate(BackupResult, job.result, "result");
}
