import { setTimeout as sleep } from "node:timers/promises";
import { isOpenStackError, OpenStackError } from "./error.ts";

export type WaitOptions = {
	/** Names the thing in errors: `server 3f…`. */
	what: string;
	timeoutMs: number;
	/** Default 1 000. */
	pollMs?: number;
	signal?: AbortSignal | undefined;
};

/**
 * Polls `read` until its status is one of `wanted`, and answers what it read last.
 * Throws `server-error` as soon as the status is `ERROR` or `error…` (unless wanted), `timeout` after `timeoutMs`,
 * `cancelled` when the signal fires. Errors of `read` pass through: it has its own retries.
 */
export async function waitForStatus<T extends { status: string; fault?: { message: string } }>(
	read: () => Promise<T>,
	wanted: readonly string[],
	options: WaitOptions,
): Promise<T> {
	return poll(options, wanted.join(" or "), async () => {
		const one = await read();
		if (wanted.includes(one.status)) return { done: one };
		if (/^error/i.test(one.status)) {
			const why = one.fault?.message ? `: ${one.fault.message}` : "";
			throw waitError(options.what, "server-error", `went to ${one.status}${why}`);
		}
		return { seen: one.status };
	});
}

/** Polls `read` until it throws `not-found` or the status says deleted. */
export async function waitForGone(read: () => Promise<{ status: string }>, options: WaitOptions): Promise<void> {
	await poll(options, "gone", async () => {
		try {
			const { status } = await read();
			return /^(deleted|soft_deleted)$/i.test(status) ? { done: true } : { seen: status };
		} catch (error) {
			if (isOpenStackError(error, "not-found")) return { done: true };
			throw error;
		}
	});
}

async function poll<T>(
	options: WaitOptions,
	wanted: string,
	look: () => Promise<{ done: T } | { seen: string }>,
): Promise<T> {
	const { what, timeoutMs, pollMs = 1_000, signal } = options;
	const deadline = performance.now() + timeoutMs;
	while (true) {
		const outcome = await look();
		if ("done" in outcome) return outcome.done;
		const leftMs = deadline - performance.now();
		if (leftMs <= 0) {
			throw waitError(what, "timeout", `is still ${outcome.seen}, not ${wanted}, after ${timeoutMs / 1000} s`);
		}
		try {
			await sleep(Math.min(pollMs, leftMs), undefined, signal ? { signal } : {});
		} catch (cause) {
			throw waitError(what, "cancelled", "was waited for until the wait was cancelled", cause);
		}
	}
}

function waitError(what: string, kind: "server-error" | "timeout" | "cancelled", how: string, cause?: unknown) {
	return new OpenStackError({ service: "wait", status: 0, kind, message: `${what} ${how}.`, cause });
}
