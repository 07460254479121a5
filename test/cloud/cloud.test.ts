import { readFile, stat, truncate, unlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import test from "ava";
import { locateDisk } from "#agents/compute/disks/locate.ts";
import { createVolume, getVolume, listVolumes } from "#openstack/cinder.ts";
import { collect } from "#openstack/collect.ts";
import { getImage } from "#openstack/glance.ts";
import { createServer, getServer, listServers } from "#openstack/nova.ts";
import { createSession, type Session } from "#openstack/session.ts";
import { waitForStatus } from "#openstack/wait.ts";
import { openTarget, passwordOf, type Target } from "#test/openstack/target.ts";
import { startCloud } from "./cloud.ts";
import { imageInfo, qemuImg } from "./qemu.ts";
import { sha256OfVirtualDisk } from "./virtual-disk.ts";

let target: Target;
let session: (user: string, project?: string) => Session;
test.before(async () => {
	target = await openTarget();
	session = (user, project) => createSession({ authUrl: target.authUrl, auth: passwordOf(user, project) });
});
test.after.always(() => target?.stop());

const wait = { timeoutMs: 20_000, pollMs: 50 };

test("an uploaded image is the same on the host, with its zeros as holes", async (t) => {
	const demo = session("demo");
	const bytes = Buffer.alloc(8 * 1024 * 1024);
	bytes.write("first", 0);
	bytes.write("last", bytes.length - 4);
	const body = { name: "u", disk_format: "raw", container_format: "bare", hw_qemu_guest_agent: "yes" };
	const { id } = (await demo.request("image", "POST", "/images", { body })).body as { id: string };
	t.like(await getImage(demo, id), { status: "queued", size: null, hw_qemu_guest_agent: "yes" });
	const put = async () =>
		fetch(`${await demo.endpoint("image")}/images/${id}/file`, {
			method: "PUT",
			headers: { "x-auth-token": (await demo.token()).id, "content-type": "application/octet-stream" },
			body: new Uint8Array(bytes),
		});
	t.is((await put()).status, 204);
	t.is((await put()).status, 409);
	t.like(await getImage(demo, id), { status: "active", size: bytes.length, virtual_size: bytes.length });
	const back = await fetch(`${await demo.endpoint("image")}/images/${id}/file`, {
		headers: { "x-auth-token": (await demo.token()).id },
	});
	t.true(Buffer.from(await back.arrayBuffer()).equals(bytes));

	const server = await target.cloud?.seedServer({ name: "u", project: "demo", flavor: "m1.nano", imageId: id });
	const info = await imageInfo(target.cloud?.diskPath(server?.id ?? "", "/dev/vda") ?? "");
	const base = info["backing-filename"] ?? "";
	t.true((await readFile(base)).equals(bytes));
	t.true((await stat(base)).blocks * 512 < 1024 * 1024);
});

test("a disk's format is recorded beside it as Nova does, and the agent goes by that record", async (t) => {
	const { cloud } = target;
	if (cloud === undefined) return void t.pass("a real Nova writes it");
	const file = join(target.folder, "recorded.raw");
	await writeFile(file, Buffer.alloc(1024 * 1024, "x"));
	const image = await cloud.seedImage({ name: "r", project: "demo", file, format: "raw", take: "copy" });
	const build = { name: "r", project: "demo", flavor: "m1.nano", imageId: image.id, host: "compute-1" };
	const { id } = await cloud.seedServer(build);
	const path = cloud.diskPath(id, "/dev/vda");
	const record = join(dirname(path), "disk.info");
	t.deepEqual(JSON.parse(await readFile(record, "utf8")), { [path]: "qcow2" });

	const folders = { instancesPath: join(cloud.hostFolder("compute-1"), "instances"), mountPointBase: "/nowhere" };
	const locate = () => locateDisk({ kind: "nova", server_id: id, file: "disk" }, folders);
	t.like(await locate(), { format: "qcow2" });
	// Against what the first bytes say: so it is the record that decides, under the key the cloud wrote.
	await writeFile(record, JSON.stringify({ [path]: "raw" }));
	t.like(await locate(), { format: "raw" });
});

test("a qcow2 image becomes a raw base file with the same content", async (t) => {
	const file = join(target.folder, "image.qcow2");
	const raw = join(target.folder, "content.raw");
	await writeFile(raw, Buffer.alloc(4 * 1024 * 1024, "content"));
	await qemuImg("convert", "-f", "raw", "-O", "qcow2", raw, file);
	const image = await target.cloud?.seedImage({ name: "q", project: "demo", file, format: "qcow2", take: "copy" });
	const build = { project: "demo", flavor: "m1.nano", imageId: image?.id ?? "" };
	const servers = await Promise.all([1, 2].map((n) => target.cloud?.seedServer({ ...build, name: `q${n}` })));
	for (const server of servers) {
		const path = target.cloud?.diskPath(server?.id ?? "", "/dev/vda") ?? "";
		t.is(
			await sha256OfVirtualDisk((await imageInfo(path))["backing-filename"] ?? "", "raw"),
			await sha256OfVirtualDisk(raw, "raw"),
		);
	}
});

test("an image larger than the flavor's disk puts the server in ERROR", async (t) => {
	const file = join(target.folder, "large.raw");
	await qemuImg("create", "-q", "-f", "raw", file, "2G");
	const image = await target.cloud?.seedImage({ name: "large", project: "demo", file, format: "raw", take: "move" });
	const build = target.cloud?.seedServer({
		name: "large",
		project: "demo",
		flavor: "m1.nano",
		imageId: image?.id ?? "",
	});
	await t.throwsAsync(build ?? Promise.resolve(), { message: /Flavor's disk is too small/ });
});

test("only administrators see hosts and everybody's servers, and only they may name a host", async (t) => {
	const [demo, admin] = [session("demo"), session("admin", "admin")];
	const server = await target.cloud?.seedServer({
		name: "seen",
		project: "demo",
		flavor: "m1.nano",
		imageId: target.imageId,
	});
	const id = server?.id ?? "";
	t.false("OS-EXT-SRV-ATTR:host" in (await getServer(demo, id)));
	t.is((await getServer(admin, id))["OS-EXT-SRV-ATTR:host"], "compute-1");
	t.deepEqual(await collect(listServers(admin)), [], "without all_tenants one sees one's own project");
	t.true((await collect(listServers(admin, { all_tenants: true, host: "compute-1" }))).some((one) => one.id === id));
	t.deepEqual(await collect(listServers(admin, { all_tenants: true, host: "compute-9" })), []);
	const wish = { name: "x", imageRef: target.imageId, flavorRef: "1", networks: "none" as const };
	t.like(await t.throwsAsync(createServer(demo, { ...wish, host: "compute-1" })), { kind: "forbidden" });
	t.like(await t.throwsAsync(createServer(admin, { ...wish, host: "compute-9" })), { kind: "bad-request" });
});

test("below 2.47 a server shows its flavor by id; without a version Nova speaks 2.1", async (t) => {
	const demo = session("demo");
	const server = await target.cloud?.seedServer({
		name: "old",
		project: "demo",
		flavor: "m1.nano",
		imageId: target.imageId,
	});
	const path = `/servers/${server?.id}`;
	const old = await demo.request("compute", "GET", path);
	t.is(old.headers.get("openstack-api-version"), "compute 2.1");
	const shown = (old.body as { server: Record<string, unknown> }).server;
	t.is((shown.flavor as { id: string }).id, "1");
	t.false("description" in shown);
	const latest = await demo.request("compute", "GET", path, { microversion: "latest" });
	t.is(latest.headers.get("openstack-api-version"), "compute 2.79");
});

test("Cinder's attachments need 3.27, and its URL the caller's own project", async (t) => {
	const demo = session("demo");
	t.like(await t.throwsAsync(demo.request("block-storage", "GET", "/attachments")), { kind: "not-found" });
	const foreign = target.cloud?.projectId("other");
	const endpoint = `${target.cloud?.url}/volume/v3/${foreign}`;
	const wrong = createSession({
		authUrl: target.authUrl,
		auth: passwordOf("demo"),
		endpointOverrides: { "block-storage": endpoint },
	});
	await t.throwsAsync(collect(listVolumes(wrong)), { message: "Malformed request url" });
});

test("a disk that vanishes or shrinks is a matter of the file, and the cloud goes on", async (t) => {
	const demo = session("demo");
	const { id } = await createVolume(demo, { size: 1 });
	await waitForStatus(() => getVolume(demo, id), ["available"], { ...wait, what: "volume" });
	const server = await target.cloud?.seedServer({
		name: "v",
		project: "demo",
		flavor: "m1.nano",
		imageId: target.imageId,
	});
	const device = await target.cloud?.seedAttachment(server?.id ?? "", id);
	const path = target.cloud?.diskPath(server?.id ?? "", device ?? "") ?? "";
	await truncate(path, 1024);
	t.is((await getVolume(demo, id)).status, "in-use");
	await unlink(path);
	t.is((await getVolume(demo, id)).size, 1);
});

test("servers spread over the hosts", async (t) => {
	const cloud = await startCloud({ dataFolder: join(target.folder, "two"), hosts: ["compute-1", "compute-2"] });
	const image = await cloud.seedImage({
		name: "i",
		project: "demo",
		file: join(target.folder, "image.raw"),
		format: "raw",
	});
	const build = { project: "demo", flavor: "m1.nano", imageId: image.id };
	const first = await cloud.seedServer({ ...build, name: "a" });
	const second = await cloud.seedServer({ ...build, name: "b" });
	const third = await cloud.seedServer({ ...build, name: "c", host: "compute-2" });
	t.deepEqual([first.host, second.host, third.host], ["compute-1", "compute-2", "compute-2"]);
	t.true(cloud.diskPath(second.id, "/dev/vda").startsWith(cloud.hostFolder("compute-2")));
	await cloud.close();
});

test("services answer 401 with Keystone's address to whoever has no token, and JSON to malformed JSON", async (t) => {
	const { url = "" } = target.cloud ?? {};
	for (const path of ["/compute/v2.1/servers", "/image/v2/images", "/networking/v2.0/ports", "/identity/v3/projects"]) {
		const answer = await fetch(url + path);
		t.is(answer.status, 401, path);
		t.is(answer.headers.get("www-authenticate"), `Keystone uri="${url}/identity"`);
		t.regex(answer.headers.get("x-openstack-request-id") ?? "", /^req-/);
		t.like(await answer.json(), { error: { code: 401, title: "Unauthorized" } });
	}
	const headers = { "content-type": "application/json", "x-auth-token": (await session("demo").token()).id };
	const malformed = await fetch(`${url}/compute/v2.1/servers`, { method: "POST", headers, body: "{" });
	t.is(malformed.status, 400);
	t.like(await malformed.json(), { badRequest: { code: 400, message: "Malformed request body" } });
	const html = await fetch(`${url}/image/v2/images/none`, { headers: { ...headers, accept: "*/*" } });
	t.regex(await html.text(), /<title>404 Not Found<\/title>/);
});

test("version documents are there, at the roots and under the versions", async (t) => {
	const { url = "" } = target.cloud ?? {};
	const get = async (path: string) => {
		const answer = await fetch(url + path);
		return [answer.status, await answer.json()] as const;
	};
	t.is((await get("/identity/"))[0], 300);
	t.like((await get("/identity/v3"))[1], { version: { id: "v3.14", status: "stable" } });
	t.like((await get("/identity/v3/"))[1], { version: { id: "v3.14" } });
	t.like((await get("/compute/v2.1/"))[1], { version: { status: "CURRENT", version: "2.79", min_version: "2.1" } });
	t.is((await get("/volume/"))[0], 300);
	t.is((await get("/image/"))[0], 300);
	t.like((await get("/networking/"))[1], { versions: [{ id: "v2.0", status: "CURRENT" }] });
});
