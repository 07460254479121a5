import type { ActivationFilter, Range, Repository } from "../state/repository.ts";
import type { ActivationRecord } from "./record.ts";

/** The retention is checked once per this many records. */
const trimEvery = 200;

/**
 * Finished activations on their way to the repository. A caller gets its result without waiting for the disk; a reader
 * waits for what is on its way, so a finished activation is never 404. A record lost in a crash is in OpenWhisk's nature:
 * the platform is at-most-once.
 */
export type ActivationJournal = Pick<Repository, "findActivation" | "listActivations" | "countActivations"> & {
	add(record: ActivationRecord): void;
	flush(): Promise<void>;
};

export function createJournal(
	repository: Repository,
	{ keep, log }: { keep: number; log: (line: string) => void },
): ActivationJournal {
	const pending = new Map<string, ActivationRecord>();
	const writing = new Set<Promise<void>>();
	let added = 0;

	async function write(record: ActivationRecord, trim: boolean) {
		try {
			await repository.putActivation(record);
			if (trim) await repository.trimActivations(keep);
		} catch (error) {
			log(`activation ${record.activationId} was not recorded: ${(error as Error).message}`);
		} finally {
			pending.delete(record.activationId);
		}
	}

	async function flush() {
		await Promise.all(writing);
	}

	return {
		add(record) {
			pending.set(record.activationId, record);
			added += 1;
			const work = write(record, added % trimEvery === 0).finally(() => writing.delete(work));
			writing.add(work);
		},
		async findActivation(namespace, activationId) {
			const record = pending.get(activationId);
			if (record?.namespace === namespace) return record;
			return repository.findActivation(namespace, activationId);
		},
		async listActivations(filter: ActivationFilter, range: Range) {
			await flush();
			return repository.listActivations(filter, range);
		},
		async countActivations(filter: ActivationFilter) {
			await flush();
			return repository.countActivations(filter);
		},
		flush,
	};
}
