import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PasswordAuth } from "#openstack/auth.ts";
import { createSession, type Session, type SessionOptions } from "#openstack/session.ts";
import { type Cloud, startCloud } from "#test/cloud/cloud.ts";
import { qemuImg } from "#test/cloud/qemu.ts";

/** The cloud that a test file runs against. */
export type Target = {
	authUrl: string;
	auth: PasswordAuth;
	region: string | undefined;
	/** A session of the target's user, with what the test wants different. */
	session: (options?: Partial<SessionOptions>) => Session;
	/** The demo cloud's own controls; undefined on any other cloud. */
	cloud: Cloud | undefined;
	folder: string;
	/** A small active image. On another cloud: `HOLDFAST_TEST_IMAGE` and `HOLDFAST_TEST_FLAVOR`, by id. */
	imageId: string;
	flavorId: string;
	stop: () => Promise<void>;
};

/**
 * The cloud that `OS_*` names, if `OS_AUTH_URL` is set; otherwise a demo cloud of this process, gone after `stop`.
 * The user must be an administrator of the project: some of what Holdfast reads is shown to nobody else.
 */
export async function openTarget(options: { tokenLifetimeSeconds?: number } = {}): Promise<Target> {
	const folder = await mkdtemp(join(tmpdir(), "holdfast-openstack-"));
	const { OS_AUTH_URL: url, OS_REGION_NAME: region } = process.env;
	const cloud = url ? undefined : await startCloud({ dataFolder: join(folder, "cloud"), ...options });
	const authUrl = url || (cloud?.authUrl ?? "");
	const auth = cloud ? passwordOf("holdfast") : authFromEnvironment();
	const stop = async () => {
		await cloud?.close();
		await rm(folder, { recursive: true, force: true });
	};
	return {
		authUrl,
		auth,
		region,
		session: (changes = {}) => createSession({ authUrl, auth, region, ...changes }),
		cloud,
		folder,
		imageId: cloud ? await seedImage(cloud, folder) : (process.env.HOLDFAST_TEST_IMAGE ?? ""),
		flavorId: cloud ? "1" : (process.env.HOLDFAST_TEST_FLAVOR ?? ""),
		stop,
	};
}

/** The demo cloud's users all have their name and `-secret` as password. */
export function passwordOf(user: string, project = "demo"): PasswordAuth {
	const domain = { id: "default" };
	return {
		method: "password",
		user: { name: user, domain },
		password: `${user}-secret`,
		project: { name: project, domain },
	};
}

async function seedImage(cloud: Cloud, folder: string): Promise<string> {
	const file = join(folder, "image.raw");
	await qemuImg("create", "-q", "-f", "raw", file, "16M");
	return (await cloud.seedImage({ name: "tiny", project: "demo", file, format: "raw" })).id;
}

function authFromEnvironment(): PasswordAuth {
	const { OS_USERNAME, OS_PASSWORD, OS_PROJECT_NAME, OS_USER_DOMAIN_NAME, OS_PROJECT_DOMAIN_NAME } = process.env;
	return {
		method: "password",
		user: { name: OS_USERNAME ?? "", domain: { name: OS_USER_DOMAIN_NAME ?? "Default" } },
		password: OS_PASSWORD ?? "",
		project: { name: OS_PROJECT_NAME ?? "", domain: { name: OS_PROJECT_DOMAIN_NAME ?? "Default" } },
	};
}
