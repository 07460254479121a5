import { Worker } from "node:worker_threads";
import { newSealer, type SealerOptions, type SealJob, type SealResult } from "./sealer.ts";

/** Seals chunks: inline for the first few, in threads once a backup proves to be worth them. */
export type SealPool = {
	seal(job: SealJob): Promise<SealResult>;
	useTable(memory: SharedArrayBuffer): void;
	close(): Promise<void>;
};

/** A thread costs about 60 ms to start: as much as sealing some tens of chunks. */
const inlineJobs = 48;
/** Jobs in one message, and messages a thread has waiting: enough to hide the message's cost and the main thread's. */
const batchJobs = 4;
const batchesWaiting = 2;

type Waiting = SealJob & { resolve(result: SealResult): void };
type Thread = { worker: Worker; batches: number; jobs: Map<number, Waiting> };

export function newSealPool(options: SealerOptions & { threads: number; table: SharedArrayBuffer }): SealPool {
	const inline = newSealer(options);
	inline.useTable(options.table);
	let table = options.table;
	let sealedInline = 0;
	let threads: Thread[] | undefined;
	const queue: Waiting[] = [];
	let sending = false;

	function start(): Thread[] {
		const { memory, chunkBytes, seed, compressionLevel } = options;
		const workerData: SealerOptions = { memory, chunkBytes, seed, compressionLevel };
		return Array.from({ length: options.threads }, () => {
			const worker = new Worker(new URL("./thread.ts", import.meta.url), { workerData });
			const thread: Thread = { worker, batches: 0, jobs: new Map() };
			worker.unref();
			worker.postMessage({ table });
			worker.on("message", (results: SealResult[]) => {
				thread.batches--;
				for (const result of results) {
					thread.jobs.get(result.slot)?.resolve(result);
					thread.jobs.delete(result.slot);
				}
				send();
			});
			worker.on("error", () => lose(thread));
			return thread;
		});
	}

	/** A thread died (out of memory, most likely): its jobs are done here, and the rest goes on without it. */
	function lose(thread: Thread): void {
		threads = threads?.filter((other) => other !== thread);
		for (const waiting of thread.jobs.values()) waiting.resolve(inline.seal(waiting));
		thread.jobs.clear();
		send();
	}

	function send(): void {
		sending = false;
		while (queue.length > 0) {
			const free = threads?.filter((thread) => thread.batches < batchesWaiting) ?? [];
			if (threads?.length === 0) {
				for (const waiting of queue.splice(0)) waiting.resolve(inline.seal(waiting));
				return;
			}
			const thread = free.sort((a, b) => a.batches - b.batches)[0];
			if (thread === undefined) return;
			const batch = queue.splice(0, batchJobs);
			for (const waiting of batch) thread.jobs.set(waiting.slot, waiting);
			thread.batches++;
			thread.worker.ref();
			thread.worker.postMessage({ jobs: batch.map(({ slot, length, force }) => ({ slot, length, force })) });
		}
		for (const thread of threads ?? []) if (thread.batches === 0) thread.worker.unref();
	}

	return {
		seal(job) {
			if (options.threads === 0 || sealedInline < inlineJobs) {
				sealedInline++;
				return Promise.resolve(inline.seal(job));
			}
			threads ??= start();
			return new Promise((resolve) => {
				queue.push({ ...job, resolve });
				// Chunks come in bursts: sending after the burst fills the batches.
				if (!sending) setImmediate(send);
				sending = true;
			});
		},
		useTable(memory) {
			table = memory;
			inline.useTable(memory);
			for (const { worker } of threads ?? []) worker.postMessage({ table: memory });
		},
		async close() {
			await Promise.all((threads ?? []).map(({ worker }) => worker.terminate()));
			threads = [];
		},
	};
}
