import type { Document } from "bson";
import { type Dispatcher, failureReply } from "./commands.ts";
import type { DocumentStore } from "./store.ts";

export type Job = { body: Document; connectionId: number; reply: (document: Document) => void };
export type Commits = { submit(job: Job): void; flush(): void };

/**
 * Group commit: the requests that arrive in one turn of the event loop share a transaction, and so one fsync. No
 * reply leaves before that transaction is on disk; when it fails, every request in it gets the error.
 */
export function openCommits(store: DocumentStore, dispatcher: Dispatcher): Commits {
	let waiting: Job[] = [];

	function runOne({ body, connectionId }: Job): Document {
		try {
			return store.transaction(() => dispatcher.run(body, connectionId));
		} catch (error) {
			dispatcher.forget();
			if (!store.inTransaction()) throw error; // the storage gave up the whole group, not this request alone
			return failureReply(error);
		}
	}

	function flush(): void {
		const jobs = waiting;
		waiting = [];
		if (jobs.length === 0) return;
		let replies: Document[];
		try {
			replies = store.transaction(() => jobs.map(runOne));
		} catch (error) {
			dispatcher.forget();
			replies = jobs.map(() => failureReply(error));
		}
		for (const [i, job] of jobs.entries()) job.reply(replies[i] as Document);
	}

	return {
		submit(job) {
			if (waiting.length === 0) setImmediate(flush);
			waiting.push(job);
		},
		flush,
	};
}
