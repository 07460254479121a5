import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { connectNbd } from "#nbd/client.ts";
import { NbdError } from "#nbd/error.ts";
import { diskExtents } from "#nbd/extents.ts";
import type { ServedDisk } from "#nbd/server/disk.ts";
import { startNbdServer } from "#nbd/server/server.ts";
import { encodeOption, encodeText } from "#nbd/wire.ts";
import { blockBytes, exportsOf, fakeDisk } from "./fake-disk.ts";
import { rawClient } from "./raw-client.ts";

const serve = async (t: ExecutionContext, disks: Record<string, ServedDisk>, mostClients = 16) => {
	const folder = mkdtempSync(join(tmpdir(), "holdfast-nbd-"));
	const path = join(folder, "s");
	const errors: unknown[] = [];
	const onError = (error: unknown) => void errors.push(error);
	const server = await startNbdServer({ address: { path }, exports: exportsOf(disks), mostClients, onError });
	t.teardown(async () => {
		await server.close();
		rmSync(folder, { recursive: true });
		if (errors.length > 0) throw new AggregateError(errors, "connections ended by a fault of the server");
	});
	return { path, server };
};

const contexts = ["base:allocation"];

test("reads of any place and size are the disk's bytes, and block status its holes", async (t) => {
	const seed = Number(process.env.HOLDFAST_SEED ?? Math.floor(Math.random() * 2 ** 31));
	t.log(`HOLDFAST_SEED=${seed}`);
	let state = seed;
	const below = (limit: number): number => {
		state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
		return Math.floor((state / 0x80000000) * limit);
	};
	const blocks = Array.from({ length: 60 }, () => (below(2) === 0 ? ("hole" as const) : ("data" as const)));
	const disk = fakeDisk(blocks, 60 * blockBytes - 77);
	const { path } = await serve(t, { "a/b/c": disk });
	t.is(statSync(path).mode & 0o777, 0o600);
	const clients = await Promise.all([1, 2, 3].map(() => connectNbd({ path }, { exportName: "a/b/c", contexts })));
	for (const client of clients) t.false(client.can.write);
	await Promise.all(
		Array.from({ length: 200 }, async (_, n) => {
			const length = 1 + below(n % 10 === 0 ? 2_000_000 : 100_000);
			const offset = below(disk.sizeBytes - length);
			const target = Buffer.alloc(length, 0xee);
			await clients[n % 3]?.read(offset, target);
			t.true(target.equals(disk.content.subarray(offset, offset + length)), `${length} bytes at ${offset}`);
		}),
	);
	let end = 0;
	for await (const { offset, length, flags } of diskExtents(clients[0] as (typeof clients)[0], "base:allocation")) {
		t.is(offset, end);
		end = offset + length;
		for (let block = offset / blockBytes; block < end / blockBytes; block++) {
			t.is(blocks[Math.floor(block)], flags === 3 ? "hole" : "data");
		}
	}
	t.is(end, disk.sizeBytes);
	for (const client of clients) client.close();
});

test("a damaged part is an I/O error of reads that touch it, and of no other", async (t) => {
	const disk = fakeDisk(["data", "data", "data"]);
	disk.damaged.add(1);
	const { path } = await serve(t, { d: disk });
	const client = await connectNbd({ path }, { exportName: "d" });
	const buffer = Buffer.alloc(3 * blockBytes);
	const error = await t.throwsAsync(client.read(0, buffer), { instanceOf: NbdError });
	t.like(error, { code: "IO", errno: "EIO" });
	t.regex(error?.message ?? "", /Block 1 is rotten/);
	await client.read(2 * blockBytes, buffer.subarray(0, blockBytes));
	t.true(buffer.subarray(0, blockBytes).equals(disk.content.subarray(2 * blockBytes)));
	client.close();

	const old = await rawClient(path);
	old.send(old.u32(3), encodeOption(1, Buffer.from("d")));
	t.is((await old.take(10)).readBigUInt64BE(0), BigInt(disk.sizeBytes));
	old.send(old.request(0, { cookie: 1, length: 3 * blockBytes }), old.request(0, { cookie: 2, length: 10 }));
	const replies = [];
	for (let n = 0; n < 2; n++) {
		const reply = await old.simpleReply();
		replies.push(reply);
		if (reply.errno === 0) t.true((await old.take(10)).equals(disk.content.subarray(0, 10)));
	}
	t.deepEqual(
		replies.sort((one, other) => one.cookie - other.cookie),
		[
			{ errno: 5, cookie: 1 },
			{ errno: 0, cookie: 2 },
		],
	);
	old.socket.destroy();
});

test("an old client without structured replies reads data and holes", async (t) => {
	const disk = fakeDisk(["data", "hole", "hole", "data"]);
	const { path } = await serve(t, { d: disk });
	const old = await rawClient(path);
	old.send(old.u32(1), encodeOption(1, Buffer.from("d")));
	t.true((await old.take(10 + 124)).subarray(10).every((byte) => byte === 0));
	old.send(old.request(0, { cookie: 7, offset: 5, length: disk.sizeBytes - 9 }));
	t.deepEqual(await old.simpleReply(), { errno: 0, cookie: 7 });
	t.true((await old.take(disk.sizeBytes - 9)).equals(disk.content.subarray(5, disk.sizeBytes - 4)));
	old.send(old.request(2, {}));
	await old.closed();
});

test("options that cannot be met are refused as the protocol says, and the next one is served", async (t) => {
	const { path } = await serve(t, { d: fakeDisk(["data"]) });
	const client = await rawClient(path);
	client.send(client.u32(3));
	const error = (code: number) => (0x80000000 | code) >>> 0;
	const context = (query: string) => Buffer.concat([encodeText("d"), client.u32(1), encodeText(query)]);
	const cases: [string, Buffer, number][] = [
		["an unknown option", encodeOption(99), error(1)],
		["TLS", encodeOption(5), error(1)],
		["a list with data", encodeOption(3, Buffer.alloc(4)), error(3)],
		["an unknown export", client.go("nothing"), error(6)],
		["an unknown export's info", client.go("nothing", 6), error(6)],
		["a go cut short", encodeOption(7, Buffer.from([0, 0, 0, 1])), error(3)],
		["a name longer than its option", encodeOption(7, Buffer.from([255, 255, 255, 255, 0, 0])), error(3)],
		["a go with something behind it", encodeOption(7, Buffer.alloc(9)), error(3)],
		["a context before structured replies", encodeOption(10, context("base:allocation")), error(3)],
		["an option of a megabyte", encodeOption(7, Buffer.alloc(1024 * 1024)), error(9)],
		["structured replies with data", encodeOption(8, Buffer.alloc(1)), error(3)],
		["structured replies", encodeOption(8), 1],
		["a context of an unknown export", encodeOption(10, Buffer.concat([encodeText("x"), client.u32(0)])), error(6)],
		["more queries than there are", encodeOption(10, Buffer.concat([encodeText("d"), client.u32(2 ** 31)])), error(3)],
		["a context that we do not have", encodeOption(10, context("qemu:dirty-bitmap:b")), 1],
	];
	for (const [what, bytes, type] of cases) {
		client.send(bytes);
		t.is((await client.optionReply()).type, type, what);
	}
	client.send(encodeOption(9, context("base:")));
	t.is((await client.optionReply()).data.toString("utf8", 4), "base:allocation");
	t.is((await client.optionReply()).type, 1);
	client.send(encodeOption(2));
	t.is((await client.optionReply()).type, 1);
	await client.closed();
	for (const flags of [4, 0xffffffff]) {
		const wrong = await rawClient(path);
		wrong.send(wrong.u32(flags));
		await wrong.closed();
	}
	const nameless = await rawClient(path);
	nameless.send(nameless.u32(3), encodeOption(1, Buffer.from("nothing")));
	await nameless.closed();
	const noise = await rawClient(path);
	noise.send(noise.u32(3), Buffer.alloc(16, 0xaa));
	await noise.closed();
});

test("requests that cannot be met get their errno, and the next one is served", async (t) => {
	const disk = fakeDisk(["data", "data"]);
	const { path } = await serve(t, { d: disk });
	const client = await rawClient(path);
	client.send(client.u32(3), client.go("d"));
	while ((await client.optionReply()).type !== 1);
	const [eperm, einval] = [1, 22];
	const cases: [string, Buffer, number][] = [
		["a write", Buffer.concat([client.request(1, { length: 5000 }), Buffer.alloc(5000, 0x25)]), eperm],
		["a trim", client.request(4, { length: 512 }), eperm],
		["zeroes", client.request(6, { length: 512 }), eperm],
		["a read of nothing", client.request(0, {}), einval],
		["a read across the end", client.request(0, { offset: 2 * blockBytes - 1, length: 2 }), einval],
		["a read far behind the end", client.request(0, { offset: 2 ** 52, length: 1 }), einval],
		["a read of 4 GiB", client.request(0, { length: 2 ** 32 - 1 }), einval],
		["a read with flags", client.request(0, { flags: 0x8000, length: 1 }), einval],
		["a block status that was not agreed on", client.request(7, { length: 512 }), einval],
		["an unknown command", client.request(77, { length: 1 }), einval],
		["a flush", client.request(3, {}), 0],
	];
	for (const [what, bytes, errno] of cases) {
		client.send(bytes);
		t.is((await client.simpleReply()).errno, errno, what);
	}
	client.send(client.request(0, { offset: 100, length: 50 }));
	t.is((await client.simpleReply()).errno, 0);
	t.true((await client.take(50)).equals(disk.content.subarray(100, 150)));
	client.send(Buffer.alloc(28, 1));
	await client.closed();
});

test("a client that asks for much and takes nothing costs a few pieces of memory, and holds up nobody", async (t) => {
	const disk = fakeDisk(Array.from({ length: 16 }, () => "data" as const));
	const { path } = await serve(t, { d: disk });
	const greedy = await rawClient(path);
	greedy.send(greedy.u32(3), encodeOption(8), greedy.go("d"));
	t.is((await greedy.optionReply()).type, 1);
	while ((await greedy.optionReply()).type !== 1);
	const asked = 400;
	// Nobody takes anything from here on, beyond what the socket itself buffers.
	greedy.socket.pause();
	for (let n = 0; n < asked; n++) greedy.send(greedy.request(0, { cookie: n, length: disk.sizeBytes }));
	while (disk.pieces < 2) await sleep(10);
	await sleep(300);
	t.true(disk.pieces < 200, `${disk.pieces} of ${asked * 16} pieces were made for nobody`);

	const other = await connectNbd({ path }, { exportName: "d" });
	const buffer = Buffer.alloc(1000);
	await other.read(3 * blockBytes, buffer);
	t.true(buffer.equals(disk.content.subarray(3 * blockBytes, 3 * blockBytes + 1000)));
	other.close();
	greedy.socket.destroy();
});

test("more clients than allowed are turned away, and a place that gets free is given again", async (t) => {
	const { path } = await serve(t, { d: fakeDisk(["data"]) }, 2);
	const kept = await Promise.all([1, 2].map(() => connectNbd({ path }, { exportName: "d" })));
	await t.throwsAsync(connectNbd({ path }, { exportName: "d" }), { instanceOf: NbdError });
	kept[0]?.close();
	for (;;) {
		try {
			(await connectNbd({ path }, { exportName: "d" })).close();
			break;
		} catch {
			await sleep(20);
		}
	}
	kept[1]?.close();
	t.pass();
});
