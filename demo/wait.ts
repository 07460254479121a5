import type { Session } from "#openstack/session.ts";

/** Far beyond what the demo's disks take; reaching it means that something hangs. */
const deadlineMs = 20 * 60_000;
const pollMs = 300;

/** What the API shows of a snapshot or restore that is under way. */
export type Underway = {
	id: string;
	status: string;
	progress_percent: number;
	progress_msg: string | null;
	error_msg: string | null;
	size: number;
	uploaded_size: number;
};

/**
 * Polls `path` of the workloads API until the object under `key` is `available`, and returns it. `see` gets every
 * state on the way. Throws with the object's own `error_msg` when it ends otherwise.
 */
export const waitUntilAvailable = async <T extends Underway>(
	session: Session,
	path: string,
	key: string,
	see: (state: T) => void | Promise<void>,
): Promise<T> => {
	const end = performance.now() + deadlineMs;
	while (performance.now() < end) {
		const answer = await session.request("workloads", "GET", path);
		const state = (answer.body as Record<string, T>)[key] as T;
		await see(state);
		if (state.status === "available") return state;
		if (state.status === "error" || state.status === "cancelled") {
			throw new Error(`${key} ${state.id} ended in ${state.status}: ${state.error_msg}`);
		}
		await new Promise((wake) => setTimeout(wake, pollMs));
	}
	throw new Error(`${key} at ${path} was not available after ${deadlineMs / 60_000} minutes.`);
};
