import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { connectNbd } from "#nbd/client.ts";
import { NbdError } from "#nbd/error.ts";
import { diskExtents } from "#nbd/extents.ts";
import { kib, type Lab, mib, newRandom, newSeed, noise, openLab, run } from "./lab.ts";

const contexts = ["base:allocation"];

const serve = async (t: ExecutionContext, lab: Lab, ...args: string[]) => {
	const path = lab.at("nbd.sock");
	const child = spawn("qemu-nbd", ["--persistent", "--shared=8", `--socket=${path}`, ...args], { stdio: "ignore" });
	const exit = once(child, "exit");
	t.teardown(async () => {
		child.kill("SIGKILL");
		await exit;
	});
	while (!existsSync(path)) await sleep(10);
	return { address: { path }, child };
};

const nbdError = { instanceOf: NbdError };

test("reads come back as the file's bytes, whatever their size, place and order", async (t) => {
	const seed = newSeed();
	t.log(`seed ${seed}`);
	const random = newRandom(seed);
	const lab = await openLab(t);
	const size = 24 * mib;
	const pieces = Array.from({ length: 40 }, (_, n) => {
		const data = noise(1 + random.below(300 * kib), seed + n);
		return { offset: random.below(size - data.length), data };
	});
	const image = await lab.rawFile(lab.at("disk.raw"), size, pieces);
	const content = await readFile(image);
	const { address } = await serve(t, lab, "--read-only", "-f", "raw", image);
	const client = await connectNbd(address, { contexts, maxInFlight: 5 });
	t.is(client.sizeBytes, size);
	t.deepEqual(client.contexts, contexts);
	t.false(client.can.write);
	await Promise.all(
		Array.from({ length: 300 }, async () => {
			const length = 1 + random.below(random.next() < 0.9 ? 100 * kib : 2 * mib);
			const offset = random.below(size - length);
			const target = Buffer.alloc(length, 0xee);
			await client.read(offset, target);
			if (!target.equals(content.subarray(offset, offset + length))) t.fail(`${length} bytes at ${offset} are wrong`);
		}),
	);

	let end = 0;
	for await (const { offset, length, flags } of diskExtents(client, "base:allocation")) {
		t.is(offset, end, "extents leave no gap");
		end = offset + length;
		if ((flags & 2) !== 0) t.true(content.subarray(offset, end).every((byte) => byte === 0));
	}
	t.is(end, size);
	client.close();
});

test("writes, zeroes, trims and flushes reach the image", async (t) => {
	const lab = await openLab(t);
	const image = lab.at("disk.qcow2");
	await run("qemu-img", "create", "-f", "qcow2", image, "16M");
	const { address, child } = await serve(t, lab, "--discard=unmap", "-f", "qcow2", image);
	const client = await connectNbd(address, { contexts });
	t.true(client.can.write && client.can.flush && client.can.writeZeroes);
	const expected = Buffer.alloc(16 * mib);
	const parts = Array.from({ length: 12 }, (_, n) => ({ offset: n * mib + 777, data: noise(700 * kib, n) }));
	await Promise.all(parts.map(({ offset, data }) => client.write(offset, data)));
	for (const { offset, data } of parts) data.copy(expected, offset);
	await client.writeZeroes(2 * mib + 100, 3 * mib);
	expected.fill(0, 2 * mib + 100, 5 * mib + 100);
	await client.writeZeroes(8 * mib, mib, { allocate: true });
	expected.fill(0, 8 * mib, 9 * mib);
	if (client.can.trim) await client.trim(15 * mib, mib);
	await client.flush();
	const back = Buffer.alloc(16 * mib);
	await client.read(0, back);
	t.true(back.equals(expected));
	client.close();
	const exit = once(child, "exit");
	child.kill("SIGTERM");
	await exit;
	t.true((await lab.content(image, "qcow2")).equals(expected));
});

test("a call that the server refuses fails alone; one that cannot fit is never sent", async (t) => {
	const lab = await openLab(t);
	const image = await lab.rawFile(lab.at("disk.raw"), mib);
	const { address } = await serve(t, lab, "--read-only", "-f", "raw", image);
	const client = await connectNbd(address, { contexts });
	const refused = await t.throwsAsync(client.write(0, Buffer.alloc(512)), nbdError);
	t.is(refused?.code, "IO");
	t.regex(refused?.message ?? "", /read-only/);
	await client.read(0, Buffer.alloc(512));
	await t.throwsAsync(client.read(mib - 1, Buffer.alloc(2)), { instanceOf: RangeError });
	t.like(await t.throwsAsync(client.blockStatus("qemu:dirty-bitmap:none", 0, 512), nbdError), { code: "REFUSED" });
	client.close();
	t.like(await t.throwsAsync(client.read(0, Buffer.alloc(512)), nbdError), { code: "CLOSED" });
});

test("a dirty bitmap is a context like any other", async (t) => {
	const lab = await openLab(t);
	const image = lab.at("disk.qcow2");
	await run("qemu-img", "create", "-f", "qcow2", image, "8M");
	await run("qemu-img", "bitmap", "--add", image, "day1");
	await run("qemu-io", "-f", "qcow2", "-c", "write -q 1M 64k", image);
	const { address } = await serve(t, lab, "--read-only", "--bitmap=day1", "-f", "qcow2", image);
	const name = "qemu:dirty-bitmap:day1";
	const client = await connectNbd(address, { contexts: [...contexts, name] });
	const dirty: unknown[] = [];
	for await (const extent of diskExtents(client, name)) if (extent.flags & 1) dirty.push(extent);
	t.deepEqual(dirty, [{ offset: mib, length: 64 * kib, flags: 1 }]);
	client.close();
});

test("an export that is not there is refused with the server's words", async (t) => {
	const lab = await openLab(t);
	const image = await lab.rawFile(lab.at("disk.raw"), mib);
	const { address } = await serve(t, lab, "--read-only", "-f", "raw", image);
	const error = await t.throwsAsync(connectNbd(address, { exportName: "other" }), nbdError);
	t.is(error?.code, "REFUSED");
	t.regex(error?.message ?? "", /no such export.*other/);
	t.like(await t.throwsAsync(connectNbd({ path: lab.at("nobody.sock") }), nbdError), { code: "CONNECT" });
});

test("a server that is killed fails everything in flight, and everything after", async (t) => {
	const lab = await openLab(t);
	const image = await lab.rawFile(lab.at("disk.raw"), 64 * mib, [{ offset: 0, data: noise(16 * mib, 1) }]);
	const { address, child } = await serve(t, lab, "--read-only", "-f", "raw", image);
	const client = await connectNbd(address, { contexts });
	const read = (n: number) => client.read((n % 64) * mib, Buffer.alloc(mib));
	await Promise.all(Array.from({ length: 20 }, (_, n) => read(n)));
	// Stopped first, so that the reads are under way when it dies, however fast it is.
	child.kill("SIGSTOP");
	const settled = Promise.allSettled(Array.from({ length: 200 }, (_, n) => read(n)));
	await new Promise(setImmediate);
	child.kill("SIGKILL");
	const failed = (await settled).filter((one) => one.status === "rejected");
	t.true(failed.length > 100, "what the kernel had not passed on is lost");
	t.true(failed.every(({ reason }) => reason instanceof NbdError && reason.code === "CLOSED"));
	t.like(await t.throwsAsync(client.flush(), nbdError), { code: "CLOSED" });
});

const listen = async (t: ExecutionContext, lab: Lab, server: Server) => {
	const path = lab.at("fake.sock");
	server.listen(path);
	await once(server, "listening");
	t.teardown(() => server.close());
	return { path };
};

test("a server that says nothing, or nonsense, is given up within the deadline", async (t) => {
	const lab = await openLab(t);
	const silent = await listen(
		t,
		lab,
		createServer((socket) => socket.on("error", () => {})),
	);
	t.like(await t.throwsAsync(connectNbd(silent, { deadlineMs: 3_000 }), nbdError), { code: "TIMEOUT" });
	const other = await openLab(t);
	const nonsense = await listen(
		t,
		other,
		createServer((socket) => socket.on("error", () => {}).write("HTTP/1.1 400 Bad Request\r\n\r\n")),
	);
	t.like(await t.throwsAsync(connectNbd(nonsense, { deadlineMs: 60_000 }), nbdError), { code: "REFUSED" });
});

test("a request that is not answered in time ends the connection", async (t) => {
	const lab = await openLab(t);
	const image = await lab.rawFile(lab.at("disk.raw"), 8 * mib);
	const { address, child } = await serve(t, lab, "--read-only", "-f", "raw", image);
	const client = await connectNbd(address, { deadlineMs: 3000 });
	child.kill("SIGSTOP");
	t.like(await t.throwsAsync(client.read(0, Buffer.alloc(mib)), nbdError), { code: "TIMEOUT" });
	t.like(await t.throwsAsync(client.read(0, Buffer.alloc(mib)), nbdError), { code: "TIMEOUT" });
	await writeFile(image, "");
});
