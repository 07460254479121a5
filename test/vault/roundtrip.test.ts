import test from "ava";
import { backUp, chunkBytes, content, readAll, readSnapshot, rootOf, same, scene, snapshot, toArray } from "./scene.ts";

for (const encrypt of [true, false]) {
	const how = encrypt ? "encrypted" : "unencrypted";
	test(`disks of odd sizes come back as they were, ${how}`, async (t) => {
		const s = await scene(t);
		const vault = await s.create({ encrypt });
		const sizes = [0, 1, 511, chunkBytes - 1, chunkBytes, chunkBytes + 1, 3 * chunkBytes + 12345];
		const images = sizes.map((size) => content(`odd ${size}`, size));
		const refs = [];
		for (const [i, image] of images.entries()) refs.push(await backUp(vault, `odd-${i}`, image));
		for (const [i, ref] of refs.entries()) {
			same(t, await readAll(await vault.disk(ref)), images[i] as Buffer);
			await vault.commitRoot(rootOf(`odd-${i}`, [ref], { number: i }));
		}
		await vault.close();
		const again = await s.open();
		for (const i of images.keys()) {
			same(t, await readSnapshot(again, `odd-${i}`), images[i] as Buffer);
			t.deepEqual((await again.readRoot(`odd-${i}`)).captured, { number: i });
		}
		await again.close();
	});
}

test("zero costs nothing and reads as zero; extents say where data is", async (t) => {
	const s = await scene(t);
	const vault = await s.create();
	const writer = await vault.writer({ sessionId: "sparse" });
	const count = 5000;
	const disk = await writer.disk({ sizeBytes: count * chunkBytes });
	await disk.zero(0, 10);
	await disk.write(10, content("a", chunkBytes));
	await disk.write(11, Buffer.alloc(chunkBytes));
	await disk.write(4321, content("b", chunkBytes));
	await disk.zero(1024, 1024);
	const ref = await disk.finish();
	t.is(writer.stats.newBytes, 2 * chunkBytes);
	t.is(writer.stats.zeroBytes, chunkBytes);
	t.is(writer.stats.givenBytes, 3 * chunkBytes);
	await writer.close();

	const reader = await vault.disk(ref);
	t.deepEqual(await toArray(reader.extents()), [
		{ index: 0, count: 10, zero: true },
		{ index: 10, count: 1, zero: false },
		{ index: 11, count: 4310, zero: true },
		{ index: 4321, count: 1, zero: false },
		{ index: 4322, count: 678, zero: true },
	]);
	same(t, await reader.read(11), Buffer.alloc(chunkBytes));
	same(t, await reader.read(4321), content("b", chunkBytes));
	for (const [index, asked] of [
		[0, count],
		[10, 1],
		[5, 10],
		[11, 4310],
		[1023, 2],
		[1024, 3297],
		[4321, 1],
		[4320, 5000],
		[count - 1, 1],
		[count, 7],
		[3, 0],
	] as const) {
		const chunks: boolean[] = [];
		for (const run of await toArray(reader.extents({ index, count: asked }))) {
			t.is(run.index, index + chunks.length, "runs leave no gap");
			for (let n = 0; n < run.count; n++) chunks.push(run.zero);
		}
		const wanted = Array.from({ length: Math.min(asked, count - index) }, (_, n) => ![10, 4321].includes(index + n));
		t.deepEqual(chunks, wanted, `${asked} chunks from ${index} on`);
	}
	await vault.close();
});

test("a disk that is all zero has no page, whatever its size", async (t) => {
	const s = await scene(t);
	const vault = await s.create();
	const writer = await vault.writer({ sessionId: "zero" });
	const sizeBytes = 64 * 2 ** 40;
	const disk = await writer.disk({ sizeBytes });
	await disk.zero(0, sizeBytes / chunkBytes);
	const ref = await disk.finish();
	t.deepEqual(ref, { sizeBytes, chunkBytes, page: null });
	t.is(writer.stats.storedBytes, 0);
	t.deepEqual(await toArray((await vault.disk(ref)).extents()), [
		{ index: 0, count: sizeBytes / chunkBytes, zero: true },
	]);
	await vault.close();
});

test("a base gives what is not mentioned, and a disk may grow or shrink by any amount", async (t) => {
	const s = await scene(t);
	const vault = await s.create();
	const sizes = [3 * chunkBytes + 100, 3 * chunkBytes + 5000, 5 * chunkBytes, 2 * chunkBytes + 7, 2 * chunkBytes];
	let image = content("base", 4 * chunkBytes - 3);
	let base = await snapshot(vault, "base", image);
	for (const [i, sizeBytes] of sizes.entries()) {
		const next = Buffer.alloc(sizeBytes);
		next.set(image.subarray(0, sizeBytes));
		content(`change ${i}`, chunkBytes).copy(next, chunkBytes);
		const writer = await vault.writer({ sessionId: `resize-${i}` });
		const disk = await writer.disk({ sizeBytes, base });
		await disk.write(1, next.subarray(chunkBytes, 2 * chunkBytes));
		base = await disk.finish();
		await writer.close();
		await vault.commitRoot(rootOf(`resize-${i}`, [base]));
		same(t, await readAll(await vault.disk(base)), next);
		image = next;
	}
	same(t, await readSnapshot(vault, "base"), [content("base", 4 * chunkBytes - 3)]);
	await vault.close();
});

test("a base grows over levels of the tree and shrinks back", async (t) => {
	const s = await scene(t);
	const vault = await s.create();
	const sizes = [1500, 900, 1024 * 1024 + 3, 1024, 1].map((chunks) => chunks * chunkBytes);
	let base = await snapshot(vault, "first", content("first", chunkBytes));
	for (const [i, sizeBytes] of sizes.entries()) {
		const writer = await vault.writer({ sessionId: `level-${i}` });
		const disk = await writer.disk({ sizeBytes, base });
		const last = sizeBytes / chunkBytes - 1;
		if (last > 0) await disk.write(last, content(`last ${i}`, chunkBytes));
		base = await disk.finish();
		await writer.close();
		await vault.commitRoot(rootOf(`level-${i}`, [base]));
		const reader = await vault.disk(base);
		same(t, await reader.read(0), content("first", chunkBytes));
		if (last > 0) same(t, await reader.read(last), content(`last ${i}`, chunkBytes));
		const data = (await toArray(reader.extents())).filter((run) => !run.zero);
		t.is(
			data.reduce((sum, run) => sum + run.count, 0),
			expected(i),
			`at ${sizeBytes}`,
		);
	}
	await vault.close();
	function expected(i: number): number {
		return [2, 2, 3, 3, 1][i] as number;
	}
});

test("several disks at once, in any order of chunks, with threads", async (t) => {
	const s = await scene(t);
	const vault = await s.create({ threads: 2, memoryBudgetBytes: 32 * 1024 * 1024 });
	const writer = await vault.writer({ sessionId: "many" });
	const images = ["x", "y", "z"].map((name) => content(name, 60 * chunkBytes + 99));
	const refs = await Promise.all(
		images.map(async (image) => {
			const disk = await writer.disk({ sizeBytes: image.length });
			const order = Array.from({ length: 61 }, (_, i) => (i * 37) % 61);
			await Promise.all(order.map((i) => disk.write(i, image.subarray(i * chunkBytes, (i + 1) * chunkBytes))));
			return disk.finish();
		}),
	);
	await writer.close();
	await vault.commitRoot(rootOf("many", refs));
	await vault.close();
	const again = await s.open();
	same(t, await readSnapshot(again, "many"), images);
	await again.close();
});

test("the caller's buffer may be used again at once", async (t) => {
	const s = await scene(t);
	const vault = await s.create({ threads: 2 });
	const writer = await vault.writer({ sessionId: "reuse" });
	const disk = await writer.disk({ sizeBytes: 100 * chunkBytes });
	const buffer = Buffer.alloc(chunkBytes);
	for (let i = 0; i < 100; i++) {
		content(`reuse ${i}`, chunkBytes).copy(buffer);
		await disk.write(i, buffer);
		buffer.fill(0xff);
	}
	const reader = await vault.disk(await disk.finish());
	for (let i = 0; i < 100; i++) same(t, await reader.read(i), content(`reuse ${i}`, chunkBytes));
	await vault.close();
});

test("misuse is refused with a sentence", async (t) => {
	const s = await scene(t);
	const vault = await s.create();
	const writer = await vault.writer({ sessionId: "misuse" });
	const disk = await writer.disk({ sizeBytes: 2 * chunkBytes + 5 });
	const refused = (work: Promise<unknown>) => t.throwsAsync(work, { code: "BAD_ARGUMENT" });
	await refused(disk.write(3, Buffer.alloc(5)));
	await refused(disk.write(-1, Buffer.alloc(chunkBytes)));
	await refused(disk.write(2, Buffer.alloc(6)));
	await disk.write(0, content("once", chunkBytes));
	await refused(disk.write(0, content("twice", chunkBytes)));
	await refused(disk.zero(0, 1));
	await refused(disk.zero(2, 2));
	await refused(writer.disk({ sizeBytes: -1 }));
	await refused(vault.writer({ sessionId: "../up" }));
	await refused(vault.disk({ sizeBytes: 5, chunkBytes: 2 * chunkBytes, page: null }));
	await refused(vault.disk({ sizeBytes: 5, chunkBytes, page: "../../etc" }));
	await refused(s.create({ chunkBytes: 100_000 }));
	await refused(s.create({ compressionLevel: 0 }));
	await refused(s.open({ memoryBudgetBytes: 1000 }));
	const reader = await vault.disk(await disk.finish());
	await refused(reader.read(3));
	await t.throwsAsync(disk.write(1, Buffer.alloc(chunkBytes)), { code: "CLOSED" });
	await writer.close();
	await t.throwsAsync(writer.disk({ sizeBytes: 1 }), { code: "CLOSED" });
	await vault.close();
	await t.throwsAsync(vault.readRoot("x"), { code: "CLOSED" });
	await t.throwsAsync(reader.read(0), { code: "CLOSED" });
});
