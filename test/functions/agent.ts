import { randomUUID } from "node:crypto";
import type { BackupInstance, BackupResult, JobError, JobPayload, RestoreInstance } from "#schemas/job.ts";
import type { ClaimedJob, JobReport, SyncResponse } from "#schemas/sync.ts";

/** What the scripted agents have written: stands for a backup target and the hosts' disks. */
export type ScriptedVault = {
	sessions: Set<string>;
	roots: Map<string, unknown>;
	backups: BackupInstance[];
	restored: Map<string, RestoreInstance>;
	collections: number;
	/** Collections that find a running backup in their way. */
	collectionsWait: number;
};

export const emptyVault = (): ScriptedVault => ({
	sessions: new Set(),
	roots: new Map(),
	backups: [],
	restored: new Map(),
	collections: 0,
	collectionsWait: 0,
});

export type Sync = (host: string, body: unknown) => Promise<SyncResponse>;

/** An agent that does what its script says, through the same API as the real one. */
export class ScriptedAgent {
	readonly host: string;
	readonly vault: ScriptedVault;
	readonly #sync: Sync;
	#instance = randomUUID();
	held: ClaimedJob[] = [];
	#ended: JobReport[] = [];
	/** Answers the error with which a job is to fail; undefined lets it succeed. */
	fail: (payload: JobPayload, attempt: number) => JobError | undefined = () => undefined;
	/** False keeps it at work. */
	finish: (payload: JobPayload) => boolean = () => true;
	targets = ["default"];

	constructor(host: string, vault: ScriptedVault, sync: Sync) {
		this.host = host;
		this.vault = vault;
		this.#sync = sync;
	}

	/** As if killed and started again: holds nothing, knows nothing. */
	restart(): void {
		this.#instance = randomUUID();
		this.held = [];
		this.#ended = [];
	}

	/** Works on what it holds, reports, and claims more. `lost`: the answer does not arrive. */
	async step({ lost = false } = {}): Promise<SyncResponse> {
		for (const job of this.held.splice(0)) {
			if (this.finish(job.payload)) this.#ended.push(this.#work(job));
			else this.held.push(job);
		}
		const running = this.held.map((job) => report(job, { state: "running", progress: progressOf(job.payload, 1) }));
		const reports = [...this.#ended, ...running];
		const agent = { instance_id: this.#instance, version: "test", targets: this.targets, slots: 4 };
		const answer = await this.#sync(this.host, { agent, jobs: reports, claim: Math.max(0, 4 - this.held.length) });
		if (lost) return answer;
		this.#ended = [];
		for (const { id, answer: said } of answer.jobs) {
			const job = this.held.find((one) => one.id === id);
			if (job === undefined || said === "ok") continue;
			this.held.splice(this.held.indexOf(job), 1);
			if (said === "cancel") this.#ended.push(report(job, { state: "cancelled" }));
		}
		this.held.push(...answer.claimed);
		return answer;
	}

	#collected() {
		if (this.vault.collectionsWait-- > 0) return { state: "waiting", deleted_packs: 0, deleted_bytes: 0 };
		return { state: "done", deleted_packs: 1, deleted_bytes: 7 };
	}

	#work(job: ClaimedJob): JobReport {
		const { payload } = job;
		if (payload.kind === "backup-instance") this.vault.sessions.add(payload.snapshot_id);
		const error = this.fail(payload, job.attempt);
		if (error) return report(job, { state: "failed", error });
		switch (payload.kind) {
			case "backup-instance":
				this.vault.backups.push(payload);
				return report(job, { state: "done", progress: progressOf(payload, 4), result: resultOf(payload) });
			case "commit-snapshot":
				this.vault.roots.set(payload.root.snapshotId, payload.root);
				this.vault.sessions.delete(payload.root.snapshotId);
				break;
			case "delete-snapshot":
				this.vault.roots.delete(payload.snapshot_id);
				this.vault.sessions.delete(payload.snapshot_id);
				break;
			case "collect-vault":
				this.vault.collections++;
				return report(job, { state: "done", result: this.#collected() });
			case "restore-instance":
				this.vault.restored.set(payload.instance_id, payload);
				break;
		}
		return report(job, { state: "done", progress: progressOf(payload, 4), result: {} });
	}
}

const diskBytes = 1024 ** 3;

function report({ id, lease_token }: ClaimedJob, rest: Omit<JobReport, "id" | "lease_token">): JobReport {
	return { id, lease_token, ...rest };
}

function progressOf(payload: JobPayload, quarters: number) {
	const total_bytes = ("disks" in payload ? payload.disks.length : 0) * diskBytes;
	const done_bytes = (total_bytes * quarters) / 4;
	return { total_bytes, done_bytes, read_bytes: done_bytes, sent_bytes: done_bytes, stored_bytes: done_bytes / 2 };
}

function resultOf(payload: BackupInstance): BackupResult {
	return {
		disks: payload.disks.map(({ disk_id }) => ({
			disk_id,
			manifest: {
				sizeBytes: diskBytes,
				chunkBytes: 65_536,
				page: `${payload.snapshot_id}/${payload.instance_id}/${disk_id}`,
			},
			size_bytes: diskBytes,
			allocated_bytes: 4_096,
			read_bytes: 2_048,
			sent_bytes: 1_024,
			stored_bytes: 512,
		})),
		warnings: [],
	};
}
