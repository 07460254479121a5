import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { ExecutionContext } from "ava";
import { SyncAnswer } from "#agents/compute/loop.ts";
import type { JobPayload } from "#schemas/job.ts";
import { type JobReport, SyncRequest, SyncResponse } from "#schemas/sync.ts";
import { validate } from "#schemas/validate.ts";

/** A job as the datamover API keeps it. */
export type ApiJob = {
	id: string;
	payload: JobPayload;
	state: "ready" | "leased" | "done" | "failed" | "cancelled";
	token: string | undefined;
	leasedUntil: number;
	attempts: number;
	cancel: boolean;
	reports: JobReport[];
	last: JobReport | undefined;
};

export type TestApi = Awaited<ReturnType<typeof openApi>>;

const read = async (request: IncomingMessage): Promise<unknown> => {
	const pieces: Buffer[] = [];
	for await (const piece of request) pieces.push(piece as Buffer);
	return JSON.parse(Buffer.concat(pieces).toString("utf8"));
};

const waitTimeoutMs = 90_000;

/**
 * A Keystone that knows one user, and a datamover API that keeps the contract of schemas/sync.ts: leases with fencing
 * tokens, every message validated. `mode` makes it refuse, hang up or say nothing.
 */
export const openApi = async (t: Pick<ExecutionContext, "teardown">, { leaseMs = 3000, nextSyncMs = 100 } = {}) => {
	const jobs = new Map<string, ApiJob>();
	const tokens = new Set<string>();
	const seen = { syncs: 0, unauthorized: 0, logins: 0, instances: new Set<string>() };
	const api = {
		jobs,
		tokens,
		seen,
		leaseMs,
		mode: "well" as "well" | "error" | "away" | "silent",
		/** It knows kinds of jobs that this version's schemas do not. */
		newer: false,
		/** Problems with what an agent sent; must stay empty. */
		problems: [] as string[],
		url: "",
		add(payload: JobPayload, id = `run-${randomUUID()}/step/subject`): ApiJob {
			const job: ApiJob = {
				...{ id, payload, state: "ready", token: undefined, leasedUntil: 0, attempts: 0, cancel: false },
				...{ reports: [], last: undefined },
			};
			jobs.set(id, job);
			return job;
		},
		/** Another agent gets the job: the token that the first holds is worth nothing any more. */
		takeAway(job: ApiJob): void {
			job.token = randomUUID();
			job.leasedUntil = Number.POSITIVE_INFINITY;
		},
		giveBack(job: ApiJob): void {
			job.state = "ready";
			job.token = undefined;
		},
		async until(what: string, condition: () => boolean): Promise<void> {
			const end = performance.now() + waitTimeoutMs;
			while (!condition()) {
				if (performance.now() > end) {
					const states = [...jobs.values()].map(({ id, state, last }) => ({ id, state, last }));
					throw new Error(`Waited in vain for: ${what}. ${JSON.stringify({ states, problems: api.problems })}`);
				}
				await new Promise((resolve) => setTimeout(resolve, 10));
			}
		},
		/** Waits for the end of a job; throws with its error unless it is done. */
		async result(job: ApiJob): Promise<unknown> {
			await api.until(`end of ${job.id}`, () => !["ready", "leased"].includes(job.state));
			if (job.state !== "done") throw new Error(`${job.state}: ${JSON.stringify(job.last)}`);
			return job.last?.result;
		},
	};

	const judge = (report: JobReport): "ok" | "cancel" | "lost" => {
		const job = jobs.get(report.id);
		if (!job || job.token !== report.lease_token) return "lost";
		job.reports.push(report);
		job.last = report;
		if (report.state !== "running") {
			job.state = report.state;
			return "ok";
		}
		if (job.cancel) return "cancel";
		job.leasedUntil = performance.now() + api.leaseMs;
		return "ok";
	};
	const sync = (request: SyncRequest) => {
		seen.syncs++;
		seen.instances.add(request.agent.instance_id);
		const answers = request.jobs.map((report) => ({ id: report.id, answer: judge(report) }));
		const now = performance.now();
		const claimable = [...jobs.values()].filter(
			({ state, leasedUntil }) => state === "ready" || (state === "leased" && leasedUntil < now),
		);
		const claimed = claimable.slice(0, request.claim).map((job) => {
			job.state = "leased";
			job.token = randomUUID();
			job.leasedUntil = now + api.leaseMs;
			job.attempts++;
			return { id: job.id, lease_token: job.token, attempt: job.attempts, payload: job.payload };
		});
		return { jobs: answers, claimed, lease_ms: api.leaseMs, next_sync_ms: nextSyncMs };
	};

	const login = (response: ServerResponse): void => {
		seen.logins++;
		const id = randomUUID();
		tokens.add(id);
		const endpoints = [{ interface: "public", region: "RegionOne", url: `${api.url}/v2` }];
		const expires_at = new Date(Date.now() + 3_600_000).toISOString();
		const body = {
			token: {
				user: { id: "agent", name: "agent", domain: { id: "default", name: "Default" } },
				project: { id: "service", name: "service", domain: { id: "default", name: "Default" } },
				roles: [],
				expires_at,
				issued_at: new Date().toISOString(),
				catalog: [{ type: "datamover", name: "dmapi", endpoints }],
			},
		};
		response.writeHead(201, { "content-type": "application/json", "x-subject-token": id }).end(JSON.stringify(body));
	};
	const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
		const reply = (status: number, body: unknown) =>
			response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
		if (api.mode === "away") return void request.socket.destroy();
		if (api.mode === "silent") return;
		const body = await read(request);
		if (request.url === "/v3/auth/tokens") return login(response);
		if (api.mode === "error") {
			return void reply(500, { computeFault: { code: 500, message: "Something went wrong on our side." } });
		}
		if (!tokens.has(String(request.headers["x-auth-token"]))) {
			seen.unauthorized++;
			return void reply(401, { unauthorized: { code: 401, message: "The request needs a valid token." } });
		}
		if (request.url !== "/v2/agents/compute-7/sync") {
			api.problems.push(`unknown path ${request.url}`);
			return void reply(404, {});
		}
		try {
			reply(200, validate(api.newer ? SyncAnswer : SyncResponse, sync(validate(SyncRequest, body))));
		} catch (error) {
			api.problems.push((error as Error).message);
			reply(400, { badRequest: { code: 400, message: (error as Error).message } });
		}
	};
	const server = createServer((request, response) => void handle(request, response));
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.teardown(() => {
		server.closeAllConnections();
		server.close();
	});
	api.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	return api;
};
