import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { deploy } from "#deploy/deploy.ts";
import { registerEndpoints } from "#deploy/register/endpoints.ts";
import { createSession, type Session } from "#openstack/session.ts";
import { type Child, startChild } from "./child.ts";
import { interruption } from "./interrupt.ts";
import { readOrMakeSecrets } from "./secrets.ts";

/** The one compute host of the demo cloud. */
export const computeHost = "compute-1";
export const targetId = "default";

export type StackOptions = {
	/** Everything the stack keeps is below it. */
	dataFolder: string;
	/** 0 takes free ports. */
	ports: { cloud: number; openwhisk: number; workloads: number; datamover: number };
	/**
	 * A cloud that is there, in place of the demo cloud. It must have the users `holdfast` (admin in `service` and in each
	 * protected project) and `agent` (role `service` in `service`), with the passwords of the demo cloud's.
	 */
	cloud?: { authUrl: string; admin: Session; computeHost: string; instancesPath: string; mountPointBase: string };
	/** A MongoDB to use; without one the embedded document store is started. */
	mongodbUri?: string | undefined;
	/** How often a busy agent reports, and how long a lease lasts without a report. */
	syncSeconds?: number;
	leaseSeconds?: number;
	/** Added to the agent's configuration file (docs/agent.md), for instance `bandwidth_mib_per_s`. */
	agent?: Record<string, unknown>;
	/** Aborting it during the start stops what has been started; afterwards it means nothing. */
	signal?: AbortSignal;
	log: (line: string) => void;
};

/** A running Holdfast on one machine: demo cloud, document store, OpenWhisk, functions, gateway, tick, one agent. */
export type Stack = {
	readonly authUrl: string;
	readonly workloadsUrl: string;
	readonly dataFolder: string;
	/** Resolves with a sentence when a part ends that nobody asked to end. */
	readonly broken: Promise<string>;
	/** Kills the agent with SIGKILL. */
	killAgent(): Promise<void>;
	/** Starts the agent again. */
	startAgent(): Promise<void>;
	/** Stops everything, last started first. Safe to repeat: every call resolves when all of it has stopped. */
	stop(): Promise<void>;
};

/** The demo cloud's administrator; the passwords are in its documentation, so it listens on loopback only. */
export const adminSession = (authUrl: string): Session =>
	createSession({
		authUrl,
		auth: {
			method: "password",
			user: { name: "admin", domain: { name: "Default" } },
			password: "admin-secret",
			project: { name: "admin", domain: { name: "Default" } },
		},
	});

/** A member of the demo project: who the demo and its reader are. */
export const userSession = (authUrl: string): Session =>
	createSession({
		authUrl,
		auth: {
			method: "password",
			user: { name: "demo", domain: { name: "Default" } },
			password: "demo-secret",
			project: { name: "demo", domain: { name: "Default" } },
		},
	});

const identity = (authUrl: string, user: string, password: string, project: string): Record<string, string> => ({
	OS_AUTH_URL: authUrl,
	OS_USERNAME: user,
	OS_PASSWORD: password,
	OS_PROJECT_NAME: project,
	OS_USER_DOMAIN_NAME: "Default",
	OS_PROJECT_DOMAIN_NAME: "Default",
	OS_REGION_NAME: "RegionOne",
	OS_INTERFACE: "public",
});

/** Environment with which the CLI talks to the stack as the demo project's member. */
export const userEnvironment = (authUrl: string): Record<string, string> =>
	identity(authUrl, "demo", "demo-secret", "demo");

/**
 * The openwhisk client takes `HTTP_PROXY` from the environment for every address. Nothing of the stack is beyond the
 * loopback, and what is deployed to it (keys, secrets) is not for a proxy.
 */
const keepOffProxies = (): void => {
	const { NO_PROXY, no_proxy } = process.env;
	process.env.NO_PROXY = [NO_PROXY ?? no_proxy, "127.0.0.1"].filter(Boolean).join(",");
};

/**
 * Starts the stack, every part as a process of its own, in the order in which they need each other. A start that
 * fails half-way, or is interrupted by `signal`, stops what it had started and throws: a sentence that names the part and
 * its log, or the signal's reason.
 */
export const startStack = async (options: StackOptions): Promise<Stack> => {
	const { dataFolder, ports, log, signal } = options;
	keepOffProxies();
	const at = (...names: string[]): string => join(dataFolder, ...names);
	for (const folder of ["secrets", "target", "log"]) mkdirSync(at(folder), { recursive: true, mode: 0o700 });
	const secrets = readOrMakeSecrets(at("secrets"));
	const logFolder = at("log");
	// A Unix socket's path has at most 107 bytes, and a data folder may be anywhere.
	const socketFolder = mkdtempSync(join(tmpdir(), "holdfast-"));

	const running: Child[] = [];
	let stopped: Promise<void> | undefined;
	let reportBroken: (sentence: string) => void;
	const broken = new Promise<string>((resolve) => {
		reportBroken = resolve;
	});
	// Ends a part that is still on its way up when the stack is stopped.
	const stopping = new AbortController();
	const starting = new Set<Promise<unknown>>();
	const startPart = async (
		name: string,
		script: string,
		args: string[],
		env?: Record<string, string>,
	): Promise<Child> => {
		log(`starting ${name}`);
		const child = await startChild({
			...{ name, script, args, logFolder, signal: stopping.signal },
			...(env && { env }),
		});
		running.push(child);
		void child.ended.then((sentence) => {
			if (!stopped && running.includes(child)) reportBroken(sentence);
		});
		return child;
	};
	const start = (...part: Parameters<typeof startPart>): Promise<Child> => {
		const child = startPart(...part);
		starting.add(child);
		return child.finally(() => starting.delete(child));
	};
	const stopAll = async (): Promise<void> => {
		stopping.abort(new Error("The stack is being stopped."));
		await Promise.allSettled(starting);
		for (const child of running.splice(0).reverse()) await child.stop();
		rmSync(socketFolder, { recursive: true, force: true });
	};
	const stop = (): Promise<void> => {
		stopped ??= stopAll();
		return stopped;
	};

	const startAll = async (): Promise<Stack> => {
		const startStore = async (): Promise<string> => {
			const socket = join(socketFolder, "mongo.sock");
			const store = await start("store", "platform/mongo/main.ts", ["--data", at("store"), "--socket", socket]);
			return store.ready.uri as string;
		};
		const startDemoCloud = async (): Promise<NonNullable<StackOptions["cloud"]>> => {
			const demo = await start("cloud", "test/cloud/main.ts", ["--data", at("cloud"), "--port", String(ports.cloud)]);
			const url = demo.ready.authUrl as string;
			const hostFolder = at("cloud", "hosts", computeHost);
			const folders = { instancesPath: join(hostFolder, "instances"), mountPointBase: join(hostFolder, "mnt") };
			return { authUrl: url, admin: adminSession(url), computeHost, ...folders };
		};
		const mongodbUri = options.mongodbUri ?? (await startStore());
		const cloud = options.cloud ?? (await startDemoCloud());
		const { authUrl } = cloud;
		const openwhisk = await start(
			"openwhisk",
			"platform/openwhisk/main.ts",
			["--port", String(ports.openwhisk), "--auth-file", secrets.openwhiskAuthFile],
			{ OPENWHISK_STORE_URI: mongodbUri },
		);
		const apihost = openwhisk.ready.apihost as string;

		log("deploying the functions");
		await deploy({
			apihost,
			auth: secrets.openwhiskAuth,
			env: {
				...identity(authUrl, "holdfast", "holdfast-secret", "service"),
				MONGODB_URI: mongodbUri,
				HOLDFAST_GATEWAY_SECRET: secrets.gatewaySecret,
				HOLDFAST_SYNC_SECONDS: String(options.syncSeconds ?? 2),
				HOLDFAST_JOB_LEASE_SECONDS: String(options.leaseSeconds ?? 60),
			},
			log,
		});

		const gateway = await start(
			"gateway",
			"gateway/main.ts",
			[
				...["--listen", `127.0.0.1:${ports.workloads}`],
				...["--datamover-listen", `127.0.0.1:${ports.datamover}`],
				...["--openwhisk", apihost],
				...["--namespace", openwhisk.ready.namespace as string],
				...["--auth-url", authUrl],
			],
			{
				...identity(authUrl, "holdfast", "holdfast-secret", "service"),
				HOLDFAST_GATEWAY_SECRET: secrets.gatewaySecret,
			},
		);
		const workloadsUrl = gateway.ready.workloads as string;
		await registerEndpoints(cloud.admin, {
			region: "RegionOne",
			urls: { workloads: workloadsUrl, datamover: gateway.ready.datamover as string },
		});
		await start("tick", "triggers/main.ts", ["--apihost", apihost, "--auth-file", secrets.openwhiskAuthFile]);

		const agentConfig = at("agent.yaml");
		writeFileSync(
			agentConfig,
			stringify({
				host: cloud.computeHost,
				state_path: at("agent"),
				scratch_path: at("scratch"),
				instances_path: cloud.instancesPath,
				mount_point_base: cloud.mountPointBase,
				// On one machine the target is a folder like any other.
				targets: {
					[targetId]: { type: "file", path: at("target"), key_file: secrets.vaultKeyFile, mounted_only: false },
				},
				...options.agent,
			}),
			{ mode: 0o600 },
		);
		let agent: Child;
		const startAgent = async (): Promise<void> => {
			agent = await start(
				"agent",
				"agents/compute/main.ts",
				["--config", agentConfig],
				identity(authUrl, "agent", "agent-secret", "service"),
			);
		};
		const killAgent = async (): Promise<void> => {
			if (running.includes(agent)) running.splice(running.indexOf(agent), 1);
			await agent.kill();
		};
		await startAgent();

		return { authUrl, workloadsUrl, dataFolder, broken, killAgent, startAgent, stop };
	};
	try {
		const died = broken.then((sentence): never => {
			throw new Error(sentence);
		});
		return await Promise.race([startAll(), died, ...(signal ? [interruption(signal)] : [])]);
	} catch (error) {
		await stop();
		throw error;
	}
};
