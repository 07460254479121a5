import type { JobProgress } from "#schemas/job.ts";
import type { MemoryShare } from "../budget.ts";
import type { DiskFolders } from "../disks/locate.ts";
import type { Log } from "../log.ts";
import type { Children } from "../qemu/children.ts";
import type { Hypervisor } from "../sources/libvirt-backup.ts";
import type { Throttle } from "../throttle.ts";
import type { Vaults } from "../vaults.ts";

/** What every job of this agent works with. */
export type Host = {
	folders: DiskFolders;
	children: Children;
	/** What runs instances here; undefined where this agent only reads stopped ones. */
	hypervisor: Hypervisor | undefined;
	vaults: Vaults;
	memory: MemoryShare;
	throttle: Throttle;
	log: Log;
};

/** Bytes that one disk of a job has cost so far, earlier processes of this agent included. */
export type DiskCounters = { read: number; sent: number; stored: number };

/** One run of one job. */
export type JobRun = {
	readonly host: Host;
	/** Aborted when the job is cancelled, its lease is lost or the agent stops: stop soon, by throwing. */
	readonly signal: AbortSignal;
	/** Packs that an earlier run of this job made durable, and what its disks had cost by then. */
	readonly earlier: { packs: readonly string[]; counters: Readonly<Record<string, DiskCounters>> };
	/** A pack is durable: kept in the journal before it resolves. */
	keepPack(pack: string, counters: Record<string, DiskCounters>): Promise<void>;
	report(progress: JobProgress): void;
};
