import { execFile } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import test from "ava";
import { type Stack, startStack, userEnvironment, userSession } from "#deploy/embedded/stack.ts";
import { createServer, deleteServer, getServer } from "#openstack/nova.ts";
import { createSession, type Session } from "#openstack/session.ts";
import { waitForGone, waitForStatus } from "#openstack/wait.ts";
import { guestAnswers, inGuest } from "./guest.ts";

/** All of Holdfast on a real cloud: Keystone's tokens and catalog, Nova, Neutron, Cinder, Glance, libvirt. */
const { OS_AUTH_URL: authUrl, HOLDFAST_TEST_IMAGE, HOLDFAST_TEST_FLAVOR, HOLDFAST_TEST_NETWORK, LAB } = process.env;
const lab = LAB ?? "/var/tmp/openstack-lab";
const there = authUrl !== undefined && HOLDFAST_TEST_IMAGE !== undefined;
const inLab = there ? test.serial : test.serial.skip;
if (!there) test("the lab is not up: start it with `npm run lab:up`, then `npm run test:cloud`", (t) => t.pass());

const run = promisify(execFile);
const bin = fileURLToPath(new URL("../../bin/holdfast", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "holdfast-lab-stack-"));
// The guest's QEMU reaches its scratch folder through it.
chmodSync(folder, 0o711);
let stack: Stack;
const servers = new Set<string>();

const admin = (): Session =>
	createSession({
		authUrl: authUrl as string,
		auth: {
			method: "password",
			user: { name: process.env.OS_USERNAME ?? "", domain: { name: "Default" } },
			password: process.env.OS_PASSWORD ?? "",
			project: { name: process.env.OS_PROJECT_NAME ?? "", domain: { name: "Default" } },
		},
	});
const tenant = () => userSession(authUrl as string);

/** The command line as the project's member. */
const holdfast = async (...args: string[]): Promise<string> => {
	const env = { PATH: process.env.PATH ?? "", ...userEnvironment(authUrl as string) };
	const { stdout } = await run(bin, args, { env, timeout: 8 * 60_000 });
	return stdout.trim();
};

test.before(async () => {
	if (!there) return;
	stack = await startStack({
		dataFolder: folder,
		ports: { cloud: 0, openwhisk: 0, workloads: 0, datamover: 0 },
		cloud: {
			authUrl: authUrl as string,
			admin: admin(),
			computeHost: "lab",
			instancesPath: join(lab, "var/nova/instances"),
			mountPointBase: join(lab, "var/nova/mnt"),
		},
		log: () => {},
	});
});

test.after.always(async () => {
	for (const id of servers) {
		await deleteServer(admin(), id).catch(() => {});
		await waitForGone(() => getServer(admin(), id), { what: id, timeoutMs: 120_000, pollMs: 500 });
	}
	await stack?.stop();
	rmSync(folder, { recursive: true, force: true });
});

inLab(
	"a tenant protects a running instance with one command and gets it back, with what the guest had written",
	async (t) => {
		const { id } = await createServer(tenant(), {
			name: "protected",
			imageRef: HOLDFAST_TEST_IMAGE as string,
			flavorRef: HOLDFAST_TEST_FLAVOR as string,
			networks: [{ uuid: HOLDFAST_TEST_NETWORK as string }],
		});
		servers.add(id);
		await waitForStatus(() => getServer(tenant(), id), ["ACTIVE"], { what: id, timeoutMs: 180_000, pollMs: 500 });
		await guestAnswers(id);
		await inGuest(id, "echo first > /data/said; sync");

		const workload = await holdfast("workload", "create", "lab", "--instance", "protected", "-f", "value", "-c", "id");
		const take = async () => holdfast("workload", "snapshot", workload, "--wait", "-f", "json");
		t.like(JSON.parse(await take()), { status: "available" });
		await inGuest(id, "echo second > /data/said; sync");
		const snapshot = JSON.parse(await take());
		t.like(snapshot, { status: "available", error_msg: null });
		t.log(JSON.stringify(snapshot));

		const restored = JSON.parse(await holdfast("restore", "create", snapshot.id, "--wait", "-f", "json"));
		t.is(restored.status, "available");
		const { restore } = await details(restored.id);
		const [instance] = restore.instances;
		servers.add(instance.id);
		t.not(instance.id, id);
		await guestAnswers(instance.id);
		t.is(await inGuest(instance.id, "cat /data/said"), "second");
		t.is(await inGuest(id, "cat /data/said"), "second", "the original has gone on");
	},
);

// biome-ignore lint/suspicious/noExplicitAny: the test says what it expects of it.
async function details(restoreId: string): Promise<any> {
	const session = tenant();
	const token = await session.token();
	const answer = await fetch(`${stack.workloadsUrl}/v1/${token.project?.id}/restores/${restoreId}`, {
		headers: { "x-auth-token": token.id },
	});
	return answer.json();
}
