import { answerJson } from "#functions/adapter/answer.ts";
import { readBody } from "#functions/adapter/body.ts";
import type { Call } from "#functions/adapter/routes.ts";
import { secondsSetting } from "#functions/adapter/settings.ts";
import { SyncRequest, type SyncResponse } from "#schemas/sync.ts";
import { recordHeartbeat } from "#store/agents.ts";
import { pickOverdueRun } from "#store/hold.ts";
import { nudgeRun } from "#store/runs.ts";
import { claimJobs } from "./claims.ts";
import { showProgress } from "./progress.ts";
import { recordReport } from "./report.ts";

const defaultLeaseSeconds = 60;
const defaultSyncSeconds = 5;
/** An agent at work shows progress more often than one that waits for work. */
const busySyncMs = 2_000;
/** A run that is due for longer than this has lost its nudge, or nobody sent one: it waited for the cloud. */
const overdueMs = 2_000;

/**
 * Heartbeat, progress, ends and claims in one call. Safe to repeat. Also the second source of nudges: with it, runs go
 * on when the tick is dead.
 */
export async function sync(call: Call): Promise<Response> {
	const { context, params } = call;
	const host = params.host ?? "";
	const body = await readBody(call.request, SyncRequest);
	const db = await context.database();
	const leaseMs = secondsSetting(context.settings, "HOLDFAST_JOB_LEASE_SECONDS", defaultLeaseSeconds);
	const { instance_id, version, targets, slots } = body.agent;
	const running = body.jobs.filter(({ state }) => state === "running").length;
	const agent = await recordHeartbeat(db, { _id: host, instance_id, version, targets, slots, running }, context.now());

	const jobs: SyncResponse["jobs"] = [];
	const changed = new Set<string>();
	const ended = new Set<string>();
	for (const report of body.jobs) {
		const recorded = await recordReport(db, report, leaseMs, context.now());
		jobs.push({ id: report.id, answer: recorded.answer });
		if (recorded.job === null || recorded.answer === "lost") continue;
		changed.add(recorded.job.run_id);
		if (!recorded.ended) continue;
		ended.add(recorded.job.run_id);
		const reason = report.error?.message;
		context.log("job-ended", { job_id: report.id, state: report.state, host, reason });
	}
	for (const runId of changed) await showProgress(db, runId);
	// In the store first: then the wake-up is not lost with the trigger.
	for (const runId of ended) await nudgeRun(db, runId, context.now());

	const claiming = { host, leaseMs, now: context.now(), newId: context.newId };
	const claimed = agent.disabled ? [] : await claimJobs(db, body, claiming);
	for (const { id, attempt } of claimed) context.log("job-claimed", { job_id: id, host, attempt });

	const overdue = await pickOverdueRun(db, context.now(), overdueMs);
	for (const runId of new Set([...ended, ...(overdue === null ? [] : [overdue])])) await context.nudge(runId);

	const syncMs = secondsSetting(context.settings, "HOLDFAST_SYNC_SECONDS", defaultSyncSeconds);
	const busy = running > 0 || claimed.length > 0;
	const next_sync_ms = Math.floor(Math.min(busy ? Math.min(busySyncMs, syncMs) : syncMs, leaseMs / 3));
	const answer: SyncResponse = { jobs, claimed, lease_ms: leaseMs, next_sync_ms };
	return answerJson(200, answer);
}
