import { spawn } from "node:child_process";
import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { adminSession } from "#deploy/embedded/stack.ts";
import { registerEndpoints } from "#deploy/register/endpoints.ts";
import { type Cloud, startCloud } from "#test/cloud/cloud.ts";
import { type Api, startApi } from "./api.ts";

export const bin = fileURLToPath(new URL("../../bin/holdfast", import.meta.url));

export type Ended = { code: number | null; stdout: string; stderr: string };

export type Stage = {
	cloud: Cloud;
	api: Api;
	/** Where commands are run; also their home. */
	folder: string;
	/** The user `demo` of the project `demo`. */
	environment: Record<string, string>;
	holdfast(...args: string[]): Promise<Ended>;
	close(): Promise<void>;
};

const baseEnvironment = (folder: string) => ({ PATH: process.env.PATH ?? "", HOME: folder });

/** Runs a program to its end, in `cwd`, with nothing on its standard input. */
export const run = (
	program: string,
	args: readonly string[],
	cwd: string,
	env: Record<string, string>,
): Promise<Ended> =>
	new Promise((resolve, reject) => {
		const child = spawn(program, args, {
			cwd,
			env: { ...baseEnvironment(cwd), ...env },
			stdio: ["ignore", "pipe", "pipe"],
		});
		const ended = { stdout: "", stderr: "" };
		for (const name of ["stdout", "stderr"] as const) {
			child[name].setEncoding("utf8").on("data", (text: string) => {
				ended[name] += text;
			});
		}
		child.on("error", reject);
		child.on("close", (code) => resolve({ code, ...ended }));
	});

/** A cloud with a catalog that leads to an API of the test's own, and the command line to talk to it. */
export const setStage = async ({ instances = false } = {}): Promise<Stage> => {
	const folder = await mkdtemp(join(tmpdir(), "cli-test-"));
	const cloud = await startCloud({ dataFolder: join(folder, "cloud") });
	const api = await startApi();
	await registerEndpoints(adminSession(cloud.authUrl), {
		region: "RegionOne",
		urls: { workloads: api.url, datamover: api.url },
	});
	if (instances) {
		const file = join(folder, "image.raw");
		await writeFile(file, "");
		await truncate(file, 1 << 20);
		const { id: imageId } = await cloud.seedImage({ name: "tiny", project: "demo", file, format: "raw" });
		for (const name of ["web-1", "web-2", "twin", "twin"]) {
			await cloud.seedServer({ name, project: "demo", flavor: "m1.nano", imageId, network: "demo-net" });
		}
	}
	const environment = {
		...{ OS_AUTH_URL: cloud.authUrl, OS_USERNAME: "demo", OS_PASSWORD: "demo-secret", OS_PROJECT_NAME: "demo" },
		...{ OS_USER_DOMAIN_NAME: "Default", OS_PROJECT_DOMAIN_NAME: "Default" },
	};
	return {
		...{ cloud, api, folder, environment },
		holdfast: (...args) => run(bin, args, folder, environment),
		close: async () => {
			await api.close();
			await cloud.close();
			await rm(folder, { recursive: true, force: true });
		},
	};
};

export const ids = {
	web: "5a3e0c4e-0000-4000-8000-000000000001",
	twin1: "5a3e0c4e-0000-4000-8000-000000000002",
	twin2: "5a3e0c4e-0000-4000-8000-000000000003",
	snapshot: "6b3e0c4e-0000-4000-8000-000000000001",
	restore: "7c3e0c4e-0000-4000-8000-000000000001",
	gone: "00000000-0000-4000-8000-000000000000",
};
