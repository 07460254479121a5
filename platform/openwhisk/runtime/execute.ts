import type { InvokableAction } from "./action.ts";
import type { Answer, Container } from "./container.ts";
import { initEnvironment, type RunContext, runBody } from "./environment.ts";
import { developerError, internalError, type Outcome, readInitFailure, readRunAnswer } from "./outcome.ts";
import type { ContainerPool, Lease } from "./pool.ts";

/** How long the sentinels may lag behind the answer. */
const logGraceMs = 2_000;

export type Job = {
	action: InvokableAction;
	context: Omit<RunContext, "deadlineMs">;
	/** Parameters marked `init: true`; they reach the process once, at /init. */
	env: Record<string, unknown>;
	args: unknown;
};

export type Execution = Outcome & {
	logs: string[];
	startMs: number;
	endMs: number;
	/** How long the job waited for a container. */
	waitMs: number;
	/** Only after a cold start. */
	initMs?: number;
	timedOut: boolean;
};

type Step = { outcome: Outcome; timedOut: boolean; initMs?: number };

/** Runs one job to its end in a container of the pool. Never rejects; a container that failed is not used again. */
export async function execute(pool: ContainerPool, job: Job, now: () => Date): Promise<Execution> {
	const askedMs = now().getTime();
	let lease: Lease;
	try {
		lease = await pool.acquire(job.action);
	} catch (error) {
		const atMs = now().getTime();
		const outcome = internalError(`No container could be started: ${(error as Error).message}`);
		return { ...outcome, logs: [], startMs: atMs, endMs: atMs, waitMs: atMs - askedMs, timedOut: false };
	}
	const startMs = now().getTime();
	const step = await initAndRun(lease, job, startMs, now);
	const endMs = now().getTime();
	const logs = await lease.container.logs.take(job.action.logBytes, logGraceMs);
	const { status } = step.outcome;
	lease.release(status === "success" || status === "application error");
	return {
		...step.outcome,
		logs,
		startMs,
		endMs,
		waitMs: startMs - askedMs,
		timedOut: step.timedOut,
		...(step.initMs === undefined ? {} : { initMs: step.initMs }),
	};
}

async function initAndRun(lease: Lease, job: Job, startMs: number, now: () => Date): Promise<Step> {
	const { action } = job;
	const context: RunContext = { ...job.context, deadlineMs: startMs + action.timeoutMs };
	let initMs: number | undefined;
	if (!lease.warm) {
		const failure = await initialize(lease.container, job, context);
		initMs = now().getTime() - startMs;
		if (failure) return { ...failure, initMs };
	}
	const answer = await lease.container.call("/run", runBody(action, context, job.args), action.timeoutMs);
	const step = { outcome: readRun(answer, action), timedOut: answer.kind === "timeout" };
	return initMs === undefined ? step : { ...step, initMs };
}

async function initialize(container: Container, job: Job, context: RunContext): Promise<Step | undefined> {
	const { action } = job;
	let code: string;
	try {
		code = await action.code();
	} catch (error) {
		const outcome = internalError(`The code of the action could not be read: ${(error as Error).message}`);
		return { outcome, timedOut: false };
	}
	const env = { ...initEnvironment(action, context), ...job.env };
	const value = { name: action.fullName, main: action.main, code, binary: action.binary, env };
	const answer = await container.call("/init", { value }, action.timeoutMs);
	if (answer.kind === "answer")
		return answer.status === 200 ? undefined : { outcome: readInitFailure(answer.text), timedOut: false };
	return { outcome: ended(answer, action, " during initialization"), timedOut: answer.kind === "timeout" };
}

function readRun(answer: Answer, action: InvokableAction): Outcome {
	return answer.kind === "answer" ? readRunAnswer(answer) : ended(answer, action, "");
}

function ended(answer: Exclude<Answer, { kind: "answer" }>, action: InvokableAction, when: string): Outcome {
	if (answer.kind === "timeout")
		return developerError(`The action exceeded its time limits of ${action.timeoutMs} milliseconds${when}.`);
	if (answer.outOfMemory) return developerError("The action exhausted its memory and was aborted.");
	return developerError(
		when === ""
			? "The action did not produce a valid response and exited unexpectedly."
			: "The action failed to initialize and exited unexpectedly.",
	);
}
