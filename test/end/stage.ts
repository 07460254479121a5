import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { type Disk, findDisks, uploadImage } from "#demo/cloud.ts";
import { run } from "#demo/run.ts";
import { adminSession, type Stack, type StackOptions, startStack } from "#deploy/embedded/stack.ts";
import { createVolume, getVolume } from "#openstack/cinder.ts";
import { collect } from "#openstack/collect.ts";
import { listNetworks } from "#openstack/neutron.ts";
import { attachVolume, createServer, getServer, stopServer } from "#openstack/nova.ts";
import { createSession, type Session } from "#openstack/session.ts";
import { waitForStatus } from "#openstack/wait.ts";
import { sha256OfVirtualDisk } from "#test/cloud/virtual-disk.ts";

const mib = 1 << 20;
const timeoutMs = 60_000;
const pollMs = 150;

/** The seeded flavor with a 1 GiB root disk. */
const nanoFlavor = "1";

export type Answer<T = Record<string, never>> = { status: number; headers: Headers; body: T };
export type Instance = { id: string; disks: Disk[] };
type State = { id: string; status: string; error_msg: string | null; instances: { id: string }[] };

/** The whole product on small disks, with what a test needs to drive it from outside. */
export type Stage = {
	stack: Stack;
	folder: string;
	user: Session;
	admin: Session;
	/** A session of one of the demo cloud's users: `<name>` with password `<name>-secret`. */
	session(name: string, project: string): Session;
	/** A raw request to the workloads API. `path` may start with `/v1/`; otherwise it is below the project's base. */
	call<T = { [key: string]: State }>(
		session: Session,
		method: string,
		path: string,
		body?: unknown,
		headers?: Record<string, string>,
	): Promise<Answer<T>>;
	createInstance(name: string, options?: { volume?: boolean }): Promise<Instance>;
	protect(name: string, instances: readonly Instance[]): Promise<string>;
	snapshot(workloadId: string, full?: boolean): Promise<string>;
	/** Polls until the object has one of the states it can end in. */
	ended(path: string, key: string): Promise<State>;
	hash(disks: readonly Disk[]): Promise<string[]>;
	/** Restores all of a snapshot and answers the hashes of the new disks, by instance. */
	restore(snapshotId: string): Promise<string[][]>;
};

/** Starts a stack in a folder of its own; both are gone after the test. */
export const openStage = async (
	t: Pick<ExecutionContext, "teardown" | "log">,
	options: Partial<StackOptions> & { prepare?: (folder: string) => Promise<() => Promise<void>> } = {},
): Promise<Stage> => {
	const folder = mkdtempSync(join(tmpdir(), "holdfast-end-"));
	const undo = await options.prepare?.(folder);
	const stack = await startStack({
		dataFolder: folder,
		ports: { cloud: 0, openwhisk: 0, workloads: 0, datamover: 0 },
		syncSeconds: 1,
		leaseSeconds: 6,
		log: () => {},
		...options,
	}).catch(async (error) => {
		await undo?.();
		throw error;
	});
	t.teardown(async () => {
		await stack.stop();
		await undo?.();
		rmSync(folder, { recursive: true, force: true });
	});
	const session = (name: string, project: string): Session =>
		createSession({
			authUrl: stack.authUrl,
			auth: {
				method: "password",
				user: { name, domain: { name: "Default" } },
				password: `${name}-secret`,
				project: { name: project, domain: { name: "Default" } },
			},
		});
	const user = session("demo", "demo");
	const admin = adminSession(stack.authUrl);

	const image = join(folder, "image.raw");
	writeFileSync(image, Buffer.concat([randomBytes(40 * mib), Buffer.alloc(24 * mib)]));
	let imageId: string | undefined;

	const stage: Stage = {
		stack,
		folder,
		user,
		admin,
		session,
		call: async (who, method, path, body, headers = {}) => {
			const base = path.startsWith("/v1/") ? stack.workloadsUrl : await who.endpoint("workloads");
			const answer = await fetch(base + path, {
				method,
				headers: { "x-auth-token": (await who.token()).id, "content-type": "application/json", ...headers },
				...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
				signal: AbortSignal.timeout(timeoutMs),
			});
			const text = await answer.text();
			return { status: answer.status, headers: answer.headers, body: text === "" ? {} : JSON.parse(text) };
		},
		createInstance: async (name, { volume = false } = {}) => {
			imageId ??= await uploadImage(user, "small", image);
			const network = (await collect(listNetworks(user))).find((one) => !one["router:external"]);
			const { id } = await createServer(user, {
				name,
				imageRef: imageId,
				flavorRef: nanoFlavor,
				networks: network ? [{ uuid: network.id }] : "none",
			});
			await waitForStatus(() => getServer(user, id), ["ACTIVE"], { what: name, timeoutMs, pollMs });
			await stopServer(user, id);
			await waitForStatus(() => getServer(user, id), ["SHUTOFF"], { what: name, timeoutMs, pollMs });
			if (volume) {
				const data = await createVolume(user, { name: `${name}-data`, size: 1 });
				await waitForStatus(() => getVolume(user, data.id), ["available"], { what: "volume", timeoutMs, pollMs });
				await attachVolume(user, id, { volumeId: data.id });
			}
			const disks = await findDisks(admin, join(folder, "cloud"), id);
			for (const { path, format } of disks) {
				await run("qemu-io", ["-f", format, "-c", "write -q -P 7 100M 8M", "-c", "write -q -P 9 777777k 4k", path]);
			}
			return { id, disks };
		},
		protect: async (name, instances) => {
			const body = { workload: { name, instances: instances.map(({ id }) => ({ "instance-id": id })) } };
			const answer = await stage.call(user, "POST", "/workloads", body);
			if (answer.status !== 202) throw new Error(JSON.stringify(answer.body));
			return answer.body.workload?.id as string;
		},
		snapshot: async (workloadId, full = false) => {
			const answer = await stage.call(user, "POST", `/workloads/${workloadId}${full ? "?full=1" : ""}`, {});
			if (answer.status !== 202) throw new Error(JSON.stringify(answer.body));
			return answer.body.snapshot?.id as string;
		},
		ended: async (path, key) => {
			const end = performance.now() + timeoutMs;
			for (;;) {
				const { body } = await stage.call(user, "GET", path);
				const state = body[key] as State;
				if (["available", "error", "cancelled"].includes(state.status)) return state;
				if (performance.now() > end) throw new Error(`${path} is still ${state.status}: ${JSON.stringify(state)}`);
				await new Promise((wake) => setTimeout(wake, pollMs));
			}
		},
		hash: (disks) => Promise.all(disks.map(({ path, format }) => sha256OfVirtualDisk(path, format))),
		restore: async (snapshotId) => {
			const answer = await stage.call(user, "POST", `/snapshots/${snapshotId}`, {
				restore: { options: { type: "openstack", restore_type: "selective", openstack: {} } },
			});
			if (answer.status !== 202) throw new Error(JSON.stringify(answer.body));
			const restored = await stage.ended(`/restores/${answer.body.restore?.id}`, "restore");
			if (restored.status !== "available") throw new Error(`The restore ended in ${restored.error_msg}`);
			const hashes: string[][] = [];
			for (const { id } of restored.instances) {
				hashes.push(await stage.hash(await findDisks(admin, join(folder, "cloud"), id)));
			}
			return hashes;
		},
	};
	return stage;
};

/** A small file system of its own under a folder's `target`, where root may mount; undefined elsewhere. */
export const smallTarget = async (folder: string, sizeMib: number): Promise<() => Promise<void>> => {
	const target = join(folder, "target");
	await run("mkdir", ["-p", target]);
	await run("mount", ["-t", "tmpfs", "-o", `size=${sizeMib}m`, "tmpfs", target]);
	return async () => {
		if (existsSync(target)) await run("umount", [target]);
	};
};
