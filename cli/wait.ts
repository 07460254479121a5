import { setTimeout as sleep } from "node:timers/promises";
import { isOpenStackError } from "#openstack/error.ts";
import type { Cli } from "./cli.ts";
import { asFailure, exitCodes, Failure } from "./failure.ts";
import { textOf } from "./output/text.ts";
import { createMeter, createProgress, type Underway } from "./progress.ts";

const pollMs = 1_000;

/** An API that is gone for longer than this is not coming back soon; the work goes on without us. */
const patienceMs = 10 * 60_000;

/** `restoring`: a snapshot that is there, and already in use. */
const good = new Set(["available", "restoring"]);
const bad = new Set(["error", "cancelled", "deleting"]);

/** Troubles of the way, not of the thing that is waited for. */
const passing = ["unavailable", "timeout", "server-error", "over-limit", "bad-answer"] as const;

export type Waiting<T> = {
	kind: "snapshot" | "restore";
	id: string;
	read: () => Promise<T>;
};

/**
 * Polls until the snapshot or restore has ended, with progress on standard error, and returns its last state. An API that
 * does not answer for a while is waited for. Throws a sentence when it stays away, or when the object disappears.
 */
export const waitUntilEnded = async <T extends Underway>(cli: Cli, waiting: Waiting<T>): Promise<T> => {
	const { kind, id, read } = waiting;
	const monotonicMs = (): number => performance.now();
	const progress = createProgress(cli.stderr, monotonicMs);
	// The first eight digits tell it apart and leave room for the rest in 80 columns.
	const what = `${kind} ${id.slice(0, 8)}`;
	const meter = createMeter(what, monotonicMs);
	const later = `It goes on by itself; look with: holdfast ${kind} show ${id}`;
	const onInterrupt = (): void => {
		progress.end();
		cli.stderr.write(`No longer waiting. ${later}\n`);
		process.exit(exitCodes.interrupted);
	};
	process.once("SIGINT", onInterrupt);
	let lastAnswerAt = monotonicMs();
	try {
		for (;;) {
			try {
				const state = await read();
				lastAnswerAt = monotonicMs();
				const ended =
					bad.has(state.status) || (good.has(state.status) && !(kind === "restore" && state.status === "restoring"));
				if (ended) return state;
				progress.show(textOf(meter(state)));
			} catch (error) {
				if (!isOpenStackError(error, ...passing)) throw error;
				if (monotonicMs() - lastAnswerAt > patienceMs) throw new Failure(`${asFailure(error).message} ${later}`);
				progress.show(`${what}: the API does not answer, trying again`);
			}
			await sleep(pollMs);
		}
	} finally {
		progress.end();
		process.removeListener("SIGINT", onInterrupt);
	}
};

/** Throws with the object's own reason unless it ended well. */
export const mustHaveEndedWell = (kind: string, { id, status, error_msg }: Underway): void => {
	if (!bad.has(status)) return;
	throw new Failure(`The ${kind} ${id} ended in ${status}${error_msg ? `: ${textOf(error_msg)}` : "."}`);
};
