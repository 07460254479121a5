import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import test from "ava";
import { createVolume, getVolume } from "#openstack/cinder.ts";
import { collect } from "#openstack/collect.ts";
import { listImages } from "#openstack/glance.ts";
import { attachVolume, createServer, getServer, listVolumeAttachments } from "#openstack/nova.ts";
import { createSession, type Session } from "#openstack/session.ts";
import { waitForStatus } from "#openstack/wait.ts";
import { passwordOf } from "#test/openstack/target.ts";
import { imageInfo } from "./qemu.ts";

const wait = { timeoutMs: 30_000, pollMs: 50 };
const main = new URL("./main.ts", import.meta.url).pathname;

type Running = { child: ChildProcess; url: string; session: (user?: string) => Session };

async function start(folder: string, port = 0): Promise<Running> {
	const args = [main, "--data", folder, "--port", String(port), "--host", "compute-1"];
	const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
	const [line] = await once(createInterface({ input: child.stdout }), "line");
	const { ready, authUrl, url } = JSON.parse(line);
	if (ready !== true) throw new Error(line);
	return { child, url, session: (user = "demo") => createSession({ authUrl, auth: passwordOf(user) }) };
}

async function stop({ child }: Running, signal: NodeJS.Signals): Promise<void> {
	if (child.exitCode !== null || child.signalCode !== null) return;
	const ended = once(child, "exit");
	child.kill(signal);
	await ended;
}

async function upload(session: Session, bytes: Buffer): Promise<string> {
	const body = { name: "uploaded", disk_format: "raw", container_format: "bare" };
	const { id } = (await session.request("image", "POST", "/images", { body })).body as { id: string };
	const answer = await fetch(`${await session.endpoint("image")}/images/${id}/file`, {
		method: "PUT",
		headers: { "x-auth-token": (await session.token()).id, "content-type": "application/octet-stream" },
		body: new Uint8Array(bytes),
	});
	if (answer.status !== 204) throw new Error(await answer.text());
	return id;
}

test("what the cloud has answered survives kill -9, on the same port; half-built servers are built again", async (t) => {
	const folder = await mkdtemp(join(tmpdir(), "holdfast-cloud-"));
	let cloud = await start(folder);
	t.teardown(async () => {
		await stop(cloud, "SIGKILL");
		await rm(folder, { recursive: true, force: true });
	});
	const session = cloud.session();
	const imageRef = await upload(session, Buffer.alloc(1024 * 1024, 7));
	const { id: volumeId } = await createVolume(session, { size: 1, name: "kept" });
	await waitForStatus(() => getVolume(session, volumeId), ["available"], { ...wait, what: "volume" });
	const server = { name: "a", imageRef, flavorRef: "1", networks: "auto" as const };
	const { id } = await createServer(session, server);
	await waitForStatus(() => getServer(session, id), ["ACTIVE"], { ...wait, what: "server a" });
	await attachVolume(session, id, { volumeId });
	// Answered, and then killed in the middle of whatever the build is doing.
	const { id: late } = await createServer(session, { ...server, name: "late" });
	await stop(cloud, "SIGKILL");

	cloud = await start(folder, Number(new URL(cloud.url).port));
	// The session's token went with the process; it gets a new one by itself.
	t.is((await getServer(session, id)).name, "a");
	const built = await waitForStatus(() => getServer(session, late), ["ACTIVE"], { ...wait, what: "server late" });
	t.is(Object.values(built.addresses).flat().length, 1);
	await waitForStatus(() => getVolume(session, volumeId), ["in-use"], { ...wait, what: "volume" });
	t.is((await listVolumeAttachments(session, id))[0]?.volumeId, volumeId);
	t.is((await collect(listImages(session))).length, 1);
	for (const one of [id, late]) {
		const disk = await imageInfo(join(folder, "hosts", "compute-1", "instances", one, "disk"));
		t.like(disk, { format: "qcow2", "virtual-size": 1024 ** 3, "backing-filename-format": "raw" });
	}
	await stop(cloud, "SIGTERM");
	t.is(cloud.child.exitCode, 0);

	cloud = await start(folder);
	t.is((await getServer(cloud.session(), id)).status, "ACTIVE", "the catalog follows the cloud to another port");
});

test("bad options are refused one by one", async (t) => {
	for (const [args, sentence] of [
		[[], /--data names the folder/],
		[["--dat", "/tmp/x"], /Unknown option '--dat'/],
		[["--data", "/tmp/x", "--port", "many"], /--port is a port number, not "many"/],
		[["--data", "/tmp/x", "--token-lifetime", "soon"], /--token-lifetime is a number of seconds/],
	] as const) {
		const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "ignore", "pipe"] });
		let said = "";
		child.stderr.on("data", (text) => {
			said += text;
		});
		const [code] = await once(child, "close");
		t.is(code, 2);
		t.regex(said, sentence);
	}
});
