import { execFile, spawn } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { createReadStream, mkdtempSync, rmSync } from "node:fs";
import { open, readdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import { divideMemory } from "#agents/compute/budget.ts";
import type { Host } from "#agents/compute/jobs/context.ts";
import { runJob } from "#agents/compute/jobs/run.ts";
import { sweepScratch } from "#agents/compute/libvirt/scratch.ts";
import { newVirsh } from "#agents/compute/libvirt/virsh.ts";
import { openChildren } from "#agents/compute/qemu/children.ts";
import { openLiveSources, runsHere } from "#agents/compute/sources/libvirt-backup.ts";
import { newThrottle } from "#agents/compute/throttle.ts";
import { newVaults } from "#agents/compute/vaults.ts";
import { createServer, deleteServer, getServer, startServer, stopServer } from "#openstack/nova.ts";
import { createSession } from "#openstack/session.ts";
import { waitForGone, waitForStatus } from "#openstack/wait.ts";
import type { BackupInstance, BackupResult } from "#schemas/job.ts";
import { createKeyFile, keyFromFile } from "#vault/keys.ts";
import { openVault } from "#vault/open.ts";
import { fileTarget } from "#vault/targets/file.ts";
import { guestAnswers, inGuest } from "./guest.ts";

/**
 * Running instances of a real Nova, in the lab (deploy/lab): `npm run test:cloud`. The guest is the lab's own, with a
 * guest agent that runs commands.
 */
const { OS_AUTH_URL, HOLDFAST_TEST_IMAGE, HOLDFAST_TEST_FLAVOR, HOLDFAST_TEST_NETWORK, LAB } = process.env;
const lab = LAB ?? "/var/tmp/openstack-lab";
const there = OS_AUTH_URL !== undefined && HOLDFAST_TEST_IMAGE !== undefined;
const inLab = there ? test.serial : test.serial.skip;
if (!there) test("the lab is not up: start it with `npm run lab:up`, then `npm run test:cloud`", (t) => t.pass());

const run = promisify(execFile);
const virsh = newVirsh("qemu:///system");
const folder = mkdtempSync(join(tmpdir(), "holdfast-lab-"));
const scratch = { path: join(lab, "holdfast-scratch"), percent: 20 };
const project = "0123456789abcdef0123456789abcdef";
let serverId = "";
let host: Host;

const session = () =>
	createSession({
		authUrl: OS_AUTH_URL as string,
		region: process.env.OS_REGION_NAME,
		auth: {
			method: "password",
			user: { name: process.env.OS_USERNAME ?? "", domain: { name: "Default" } },
			password: process.env.OS_PASSWORD ?? "",
			project: { name: process.env.OS_PROJECT_NAME ?? "", domain: { name: "Default" } },
		},
	});

const until = (status: string) =>
	waitForStatus(() => getServer(session(), serverId), [status], { what: serverId, timeoutMs: 180_000, pollMs: 500 });

const guest = (command: string) => inGuest(serverId, command);

test.before(async () => {
	if (!there) return;
	await createKeyFile(join(folder, "key"));
	const { children } = await openChildren(join(folder, "state"));
	const memory = divideMemory(64, 1);
	const targets = {
		default: { type: "file" as const, path: folder, keyFile: join(folder, "key"), mountedOnly: false },
	};
	host = {
		folders: { instancesPath: join(lab, "var/nova/instances"), mountPointBase: join(lab, "var/nova/mnt") },
		children,
		hypervisor: { virsh, scratch },
		vaults: newVaults(targets, memory.vaultBytes),
		memory,
		throttle: newThrottle(undefined, () => performance.now()),
		log: () => {},
	};
	const { id } = await createServer(session(), {
		name: "holdfast-running",
		imageRef: HOLDFAST_TEST_IMAGE as string,
		flavorRef: HOLDFAST_TEST_FLAVOR as string,
		networks: HOLDFAST_TEST_NETWORK === undefined ? "none" : [{ uuid: HOLDFAST_TEST_NETWORK }],
	});
	serverId = id;
	await until("ACTIVE");
	await guestAnswers(serverId);
});

test.after.always(async () => {
	if (serverId !== "") {
		await deleteServer(session(), serverId);
		await waitForGone(() => getServer(session(), serverId), { what: serverId, timeoutMs: 120_000, pollMs: 500 });
	}
	rmSync(folder, { recursive: true, force: true });
});

const locator = () => ({ kind: "nova", server_id: serverId, file: "disk" }) as const;

async function backUp(base: BackupInstance["disks"][0]["base"]): Promise<BackupResult & { id: string }> {
	const snapshot_id = randomUUID();
	const disks = [{ disk_id: "vda", device: "vda", locator: locator(), base }];
	const place = { target_id: "default", project_id: project };
	const job = { kind: "backup-instance", ...place, snapshot_id, instance_id: serverId, running: true, disks } as const;
	const result = (await runJob(job, {
		host,
		signal: new AbortController().signal,
		earlier: { packs: [], counters: {} },
		keepPack: async () => {},
		report: () => {},
	})) as BackupResult;
	const root = {
		snapshotId: snapshot_id,
		workloadId: randomUUID(),
		createdAt: "2026-01-01T00:00:00.000Z",
		instances: [
			{
				instanceId: serverId,
				disks: result.disks.map(({ disk_id, manifest }) => ({ diskId: disk_id, device: "vda", manifest })),
			},
		],
		captured: {},
	};
	await runJob({ kind: "commit-snapshot", ...place, root }, { host } as never);
	return { ...result, id: snapshot_id };
}

/** A disk of the vault as a raw file. */
async function exported(manifest: BackupResult["disks"][0]["manifest"], path: string): Promise<void> {
	const target = fileTarget(join(folder, "vaults", project));
	const vault = await openVault({ target, keys: keyFromFile(join(folder, "key")) });
	const disk = await vault.disk(manifest);
	const file = await open(path, "w");
	await file.truncate(disk.sizeBytes);
	for await (const { index, count, zero } of disk.extents()) {
		for (let i = index; !zero && i < index + count; i++)
			await file.write(await disk.read(i), 0, undefined, i * disk.chunkBytes);
	}
	await file.close();
	await vault.close();
}

const sha256 = (path: string) =>
	new Promise<string>((resolve, reject) => {
		const hash = createHash("sha256");
		createReadStream(path)
			.on("data", (piece) => hash.update(piece))
			.on("end", () => resolve(hash.digest("hex")))
			.on("error", reject);
	});

inLab(
	"a running instance is read at one instant while its guest writes, and what was stored is in the file system",
	async (t) => {
		await guest("echo before > /data/marker; sync");
		// A clock in the guest: no gap may be longer than two seconds.
		await guest("(while :; do cut -d' ' -f1 /proc/uptime >> /run/clock; sleep 0.2; done) >/dev/null 2>&1 &");
		await guest(
			"(i=0; while [ $i -lt 200 ]; do dd if=/dev/urandom of=/data/noise bs=64k count=8 conv=fsync 2>/dev/null; i=$((i+1)); done) >/dev/null 2>&1 &",
		);
		const full = await backUp(null);
		t.deepEqual(full.warnings, [], "the guest held its writes back");
		await guest("echo after > /data/marker; sync");
		const next = await backUp(full.disks[0]?.manifest ?? null);
		t.true((next.disks[0]?.stored_bytes ?? 0) < (full.disks[0]?.stored_bytes ?? 0));
		const clock = (await guest("cat /run/clock")).trim().split("\n").map(Number);
		const gaps = clock.slice(1).map((at, i) => at - (clock[i] as number));
		t.log(`${clock.length} ticks, longest gap ${Math.max(...gaps)} s`);
		t.true(Math.max(...gaps) <= 2);

		for (const [{ disks }, wanted] of [
			[full, "before"],
			[next, "after"],
		] as const) {
			const raw = join(folder, `${wanted}.raw`);
			await exported(disks[0]?.manifest as never, raw);
			const { stdout: loop } = await run("losetup", ["-f", "--show", "-r", "-o", "1048576", raw]);
			try {
				const check = await run("e2fsck", ["-fn", loop.trim()]).catch((error) => error);
				const { stdout } = await run("debugfs", ["-c", "-R", "cat /data/marker", loop.trim()]);
				t.is(stdout.trim(), wanted);
				t.log(`${wanted}: e2fsck ${check.code ?? 0}`);
			} finally {
				await run("losetup", ["-d", loop.trim()]);
			}
		}
		t.deepEqual(await readdir(scratch.path), [], "no scratch is left");
	},
);

inLab("what is stored equals an independent copy of the same instant", async (t) => {
	const live = await openLiveSources(serverId, [locator()], {
		folders: host.folders,
		hypervisor: { virsh, scratch },
	});
	const socket = join(scratch.path, serverId, "nbd.sock");
	const copy = join(folder, "copy.raw");
	await run("nbdcopy", [`nbd+unix:///vda?socket=${socket}`, copy]);
	await guest("dd if=/dev/urandom of=/data/later bs=64k count=20 conv=fsync 2>/dev/null");
	const ours = join(folder, "ours.raw");
	const [source] = live.sources;
	const file = await open(ours, "w");
	await file.truncate(source?.sizeBytes ?? 0);
	const buffer = Buffer.alloc(1024 * 1024);
	for await (const { offset, length, zero } of source?.extents() ?? []) {
		for (let at = offset; !zero && at < offset + length; at += buffer.length) {
			const part = buffer.subarray(0, Math.min(buffer.length, offset + length - at));
			await source?.read(at, part);
			await file.write(part, 0, part.length, at);
		}
	}
	await source?.check();
	await file.close();
	await source?.close();
	t.is(await sha256(ours), await sha256(copy));
});

inLab("what a killed agent left is ended: a frozen guest, a backup job, scratch files", async (t) => {
	const script = join(folder, "victim.ts");
	const agents = new URL("../../agents/compute/", import.meta.url).pathname;
	await writeFile(
		script,
		`import { domainOf } from "${agents}libvirt/domain.ts";
import { newVirsh } from "${agents}libvirt/virsh.ts";
import { openLiveSources } from "${agents}sources/libvirt-backup.ts";
const virsh = newVirsh("qemu:///system");
const [id, where] = process.argv.slice(2);
const domain = domainOf(virsh, id);
if (where === "begun") {
	await openLiveSources(id, [${JSON.stringify(locator())}], { folders: ${JSON.stringify(host.folders)}, hypervisor: { virsh, scratch: ${JSON.stringify(scratch)} } });
} else {
	const { mkdirSync } = await import("node:fs");
	mkdirSync(${JSON.stringify(scratch.path)} + "/" + id, { recursive: true });
	if (!(await domain.freeze())) throw new Error("not frozen");
}
console.log("now");
setInterval(() => {}, 1000);
`,
	);
	for (const where of ["frozen", "begun"]) {
		const victim = spawn(process.execPath, [script, serverId, where], { stdio: ["ignore", "pipe", "inherit"] });
		await new Promise((resolve) => victim.stdout.once("data", resolve));
		victim.kill("SIGKILL");
		await new Promise((resolve) => victim.once("exit", resolve));
		t.is(await sweepScratch(scratch, virsh), 1);
		t.is((await guest("echo alive > /data/alive; sync; cat /data/alive")).trim(), "alive");
		t.deepEqual(await readdir(scratch.path), []);
		t.is((await backUp(null)).warnings.length, 0, "the next backup works");
	}
});

inLab("Nova stops, starts and deletes the instance as ever, and a stopped one is read from its files", async (t) => {
	await backUp(null);
	await stopServer(session(), serverId);
	await until("SHUTOFF");
	t.false(await runsHere({ virsh, scratch }, serverId));
	const stopped = await backUp(null);
	t.deepEqual(stopped.warnings, []);
	await startServer(session(), serverId);
	await until("ACTIVE");
	await guestAnswers(serverId);
	const running = await backUp(stopped.disks[0]?.manifest ?? null);
	t.deepEqual(running.warnings, []);
	t.is((await guest("cat /data/marker")).trim(), "after");
});
