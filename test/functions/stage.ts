import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Db, MongoClient } from "mongodb";
import { answerJson, faultOf } from "#functions/adapter/answer.ts";
import { cloudOf } from "#functions/adapter/cloud.ts";
import type { Context, Handler } from "#functions/adapter/context.ts";
import { datamover } from "#functions/datamover/handler.ts";
import { orchestrate } from "#functions/orchestrator/handler.ts";
import { restores } from "#functions/restores/handler.ts";
import { snapshots } from "#functions/snapshots/handler.ts";
import { workloads } from "#functions/workloads/handler.ts";
import { getServer, startServer, stopServer } from "#openstack/nova.ts";
import { createSession, type Session } from "#openstack/session.ts";
import { waitForStatus } from "#openstack/wait.ts";
import type { SyncResponse } from "#schemas/sync.ts";
import { type Cloud, startCloud } from "#test/cloud/cloud.ts";
import { startStore, type TestStore } from "#test/store/embedded.ts";
import { emptyVault, ScriptedAgent, type ScriptedVault } from "./agent.ts";

export type User = "demo" | "reader" | "other" | "admin" | "agent";

/** One demo cloud and one store for a test file. */
export type House = {
	cloud: Cloud;
	store: TestStore;
	imageId: string;
	settings: Record<string, string>;
	token: (user: User) => Promise<string>;
	session: (user: User) => Session;
	clock: { now: () => Date; advance: (ms: number) => void };
	/** A stopped server in project demo. `volumes` are sizes in GiB. */
	server: (options?: { volumes?: number[]; running?: boolean; name?: string }) => Promise<string>;
	close: () => Promise<void>;
};

/** Most projects of the demo cloud's users, by user. */
const homes: Record<User, string> = { demo: "demo", reader: "demo", other: "other", admin: "admin", agent: "service" };

export async function openHouse(hosts = ["compute-1"]): Promise<House> {
	const folder = mkdtempSync(join(tmpdir(), "holdfast-functions-"));
	let offsetMs = 0;
	const now = () => new Date(Date.now() + offsetMs);
	const cloud = await startCloud({ dataFolder: join(folder, "cloud"), hosts, now });
	const store = await startStore();
	const image = join(folder, "image.raw");
	writeFileSync(image, "");
	truncateSync(image, 1 << 20);
	const { id: imageId } = await cloud.seedImage({
		name: "tiny",
		project: "demo",
		file: image,
		format: "raw",
		take: "copy",
	});
	const session = (user: User) =>
		createSession({
			authUrl: cloud.authUrl,
			auth: {
				method: "password",
				user: { name: user, domain: { name: "Default" } },
				password: `${user}-secret`,
				project: { id: cloud.projectId(homes[user]) },
			},
			now,
		});
	const sessions = new Map<User, Session>();
	const sessionOf = (user: User): Session => {
		const known = sessions.get(user) ?? session(user);
		sessions.set(user, known);
		return known;
	};
	return {
		cloud,
		store,
		imageId,
		session: sessionOf,
		token: async (user) => (await sessionOf(user).token()).id,
		clock: {
			now,
			advance: (ms) => {
				offsetMs += ms;
			},
		},
		settings: {
			OS_AUTH_URL: cloud.authUrl,
			OS_USERNAME: "holdfast",
			OS_PASSWORD: "holdfast-secret",
			OS_PROJECT_NAME: "service",
			OS_USER_DOMAIN_NAME: "Default",
			OS_PROJECT_DOMAIN_NAME: "Default",
			OS_REGION_NAME: "RegionOne",
			OS_INTERFACE: "public",
			HOLDFAST_JOB_LEASE_SECONDS: "60",
			HOLDFAST_SYNC_SECONDS: "5",
			HOLDFAST_COLLECT_SECONDS: "60",
		},
		server: async ({ volumes = [], running = false, name = `vm-${randomUUID().slice(0, 8)}` } = {}) => {
			const { id } = await cloud.seedServer({ name, project: "demo", flavor: "m1.nano", imageId, network: "demo-net" });
			for (const size of volumes) {
				const volume = await cloud.seedVolume({ name: `data-of-${name}`, project: "demo", size });
				await cloud.seedAttachment(id, volume.id);
			}
			if (!running) await stopAndWait(sessionOf("demo"), id);
			return id;
		},
		close: async () => {
			await cloud.close();
			await store.close();
			rmSync(folder, { recursive: true, force: true });
		},
	};
}

export async function stopAndWait(session: Session, id: string): Promise<void> {
	await stopServer(session, id);
	await waitForStatus(() => getServer(session, id), ["SHUTOFF"], { what: id, timeoutMs: 20_000, pollMs: 50 });
}

export async function startAndWait(session: Session, id: string): Promise<void> {
	await startServer(session, id);
	await waitForStatus(() => getServer(session, id), ["ACTIVE"], { what: id, timeoutMs: 20_000, pollMs: 50 });
}

export type Answered = {
	status: number;
	headers: Headers;
	// biome-ignore lint/suspicious/noExplicitAny: the tests say what they expect of it.
	body: any;
};

export type Asking = { as?: User; token?: string; project?: string; body?: unknown; change?: Partial<Context> };

/** The functions on one database: requests go in, nudges are kept until somebody delivers them. */
export type Stage = {
	house: House;
	db: Db;
	client: MongoClient;
	vault: ScriptedVault;
	/** Runs to wake; undefined is a look at everything. Emptied by `settle`, or by the test. */
	nudges: (string | undefined)[];
	logs: Record<string, unknown>[];
	context: (change?: Partial<Context>) => Context;
	/** `path` below `/v1/{project}`. */
	ask: (method: string, path: string, asking?: Asking) => Promise<Answered>;
	/** Any path, any handler, errors as the adapter answers them. */
	handle: (handler: Handler, method: string, path: string, asking?: Asking) => Promise<Answered>;
	orchestrate: (runId?: string, change?: Partial<Context>) => Promise<Record<string, unknown>>;
	agent: (host?: string) => ScriptedAgent;
	/** Delivers nudges, ticks and lets the agents work until `done`, at most `rounds` times. */
	settle: (agents: readonly ScriptedAgent[], done: () => Promise<boolean>, rounds?: number) => Promise<void>;
};

const handlers = { workloads, snapshots, restores } as const;

/** The gateway's map, as far as the tests need it. */
function handlerFor(method: string, path: string): Handler {
	if (/\/restores/.test(path)) return handlers.restores;
	if (method === "POST" && /^\/snapshots\/[^/]+$/.test(path)) return handlers.restores;
	return /\/snapshots/.test(path) ? handlers.snapshots : handlers.workloads;
}

export async function openStage(house: House): Promise<Stage> {
	const { db, client } = await house.store.database();
	const vault = emptyVault();
	const nudges: (string | undefined)[] = [];
	const logs: Record<string, unknown>[] = [];
	const log: Context["log"] = (event, fields) => void logs.push({ event, ...fields });
	const context = (change: Partial<Context> = {}): Context => {
		const requestId = `req-${randomUUID()}`;
		const signal = AbortSignal.timeout(25_000);
		return {
			requestId,
			signal,
			deadlineMs: Date.now() + 25_000,
			settings: house.settings,
			log,
			now: house.clock.now,
			newId: randomUUID,
			database: async () => db,
			...cloudOf({ settings: house.settings, requestId, signal }),
			nudge: async (runId) => void nudges.push(runId),
			...change,
		};
	};
	const handle: Stage["handle"] = async (handler, method, path, { as = "demo", token, body, change } = {}) => {
		const headers = new Headers({ "x-auth-token": token ?? (await house.token(as)) });
		if (token === "") headers.delete("x-auth-token");
		const text = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body);
		const request = new Request(`http://api.test${path}`, {
			method,
			headers,
			...(text !== undefined && { body: text }),
		});
		const used = context(change);
		let response: Response;
		try {
			response = await handler(request, used);
		} catch (error) {
			const fault = faultOf(error, used.requestId);
			if (fault.status >= 500) log("fault", { error });
			response = answerJson(fault.status, fault.body);
		}
		const answer = await response.text();
		return { status: response.status, headers: response.headers, body: answer === "" ? undefined : JSON.parse(answer) };
	};
	const ask: Stage["ask"] = (method, path, asking = {}) => {
		const project = asking.project ?? house.cloud.projectId("demo");
		return handle(handlerFor(method, path.split("?")[0] as string), method, `/v1/${project}${path}`, asking);
	};
	const orchestrateIt: Stage["orchestrate"] = (runId, change) =>
		orchestrate(runId === undefined ? {} : { run_id: runId }, context(change));
	const sync = async (host: string, body: unknown): Promise<SyncResponse> => {
		const answer = await handle(datamover, "POST", `/v2/agents/${host}/sync`, { as: "agent", body });
		if (answer.status !== 200) throw new Error(`sync answered ${answer.status}: ${JSON.stringify(answer.body)}`);
		return answer.body as SyncResponse;
	};
	return {
		...{ house, db, client, vault, nudges, logs, context, ask, handle },
		orchestrate: orchestrateIt,
		agent: (host = "compute-1") => new ScriptedAgent(host, vault, sync),
		settle: async (agents, done, rounds = 60) => {
			for (let round = 0; round < rounds; round++) {
				if (await done()) return;
				for (const runId of nudges.splice(0)) await orchestrateIt(runId);
				for (const agent of agents) await agent.step();
				if (nudges.length === 0) {
					house.clock.advance(2_500);
					await orchestrateIt();
				}
			}
			const failures = logs.filter(({ event }) => event === "step-failed" || event === "fault");
			throw new Error(`It did not settle in ${rounds} rounds: ${JSON.stringify(failures.slice(-3))}`);
		},
	};
}
