import test from "ava";
import { faultyTarget } from "#vault/targets/faults.ts";
import type { ManifestRef, VaultWriter } from "#vault/vault.ts";
import { type backUp, chunkBytes, content, objectFiles, readAll, rootOf, same, scene, snapshot } from "./scene.ts";

const sum = (files: { sizeBytes: number }[]) => files.reduce((total, file) => total + file.sizeBytes, 0);

test("equal chunks are stored once: in a disk, across disks, writers and snapshots", async (t) => {
	const s = await scene(t);
	const vault = await s.create();
	const chunk = content("same", chunkBytes);
	const writer = await vault.writer({ sessionId: "one" });
	const disk = await writer.disk({ sizeBytes: 4 * chunkBytes });
	await Promise.all([0, 1, 2, 3].map((i) => disk.write(i, chunk)));
	// Another writer of this process, while the chunk is still in flight.
	const other = await vault.writer({ sessionId: "two" });
	const twin = await other.disk({ sizeBytes: chunkBytes });
	await twin.write(0, chunk);
	const [ref, twinRef] = await Promise.all([disk.finish(), twin.finish()]);
	t.is(writer.stats.newBytes + other.stats.newBytes, chunkBytes);
	t.is(writer.stats.reusedBytes + other.stats.reusedBytes, 4 * chunkBytes);
	same(t, await readAll(await vault.disk(twinRef)), chunk);
	await vault.commitRoot(rootOf("one", [ref]));
	await vault.close();

	const later = await s.open();
	const third = await later.writer({ sessionId: "three" });
	const copy = await third.disk({ sizeBytes: 4 * chunkBytes });
	for (const i of [0, 1, 2, 3]) await copy.write(i, chunk);
	t.deepEqual(await copy.finish(), ref);
	t.is(third.stats.newBytes, 0);
	t.is(third.stats.storedBytes, 0);
	await later.close();
});

test("the figures of a writer agree with the files", async (t) => {
	const s = await scene(t);
	const vault = await s.create();
	const before = sum((await objectFiles(s)).filter((file) => !file.key.startsWith("sessions")));
	const writer = await vault.writer({ sessionId: "figures" });
	const disk = await writer.disk({ sizeBytes: 40 * chunkBytes });
	for (let i = 0; i < 40; i++) await disk.write(i, content(`figure ${i % 30}`, chunkBytes));
	await disk.finish();
	await writer.close();
	const { givenBytes, newBytes, reusedBytes, storedBytes } = writer.stats;
	t.deepEqual([givenBytes, newBytes, reusedBytes], [40 * chunkBytes, 30 * chunkBytes, 10 * chunkBytes]);
	t.is(storedBytes, sum((await objectFiles(s)).filter((file) => !file.key.startsWith("sessions"))) - before);
	await vault.close();
});

test("compressible content is stored small, incompressible content with 48 bytes a chunk", async (t) => {
	const s = await scene(t);
	const vault = await s.create();
	const text = Buffer.from("all work and no play ".repeat(4000)).subarray(0, chunkBytes);
	const first = await vault.writer({ sessionId: "text" });
	const disk = await first.disk({ sizeBytes: chunkBytes });
	await disk.write(0, text);
	same(t, await readAll(await vault.disk(await disk.finish())), text);
	t.true(first.stats.storedBytes < 2000, `${first.stats.storedBytes}`);
	const second = await vault.writer({ sessionId: "noise" });
	const noisy = await second.disk({ sizeBytes: chunkBytes });
	await noisy.write(0, content("noise", chunkBytes));
	await noisy.finish();
	t.true(second.stats.storedBytes < chunkBytes + 1500, `${second.stats.storedBytes}`);
	await vault.close();
});

test("an incremental's metadata follows the change, not the disk", async (t) => {
	const s = await scene(t);
	const vault = await s.create({ memoryBudgetBytes: 32 * 1024 * 1024 });
	const sizeBytes = 4 * 2 ** 40;
	const write = async (id: string, indexes: number[], base?: Awaited<ReturnType<typeof backUp>>) => {
		const writer = await vault.writer({ sessionId: id });
		const disk = await writer.disk({ sizeBytes, ...(base === undefined ? {} : { base }) });
		for (const i of indexes) await disk.write(i, content(`${id} ${i % 7}`, chunkBytes));
		const ref = await disk.finish();
		await writer.close();
		await vault.commitRoot(rootOf(id, [ref]));
		return { ref, stats: writer.stats };
	};
	// A chunk in each of 3,000 leaves: 3,000 pages, three levels.
	const spread = Array.from({ length: 3000 }, (_, i) => i * 20_011);
	const full = await write("full", spread);
	t.true(full.stats.storedBytes > 3000 * 200);
	const files = new Set((await objectFiles(s)).map((file) => file.key));
	const one = await write("one", [12_345_678], full.ref);
	const added = (await objectFiles(s)).filter((file) => !files.has(file.key));
	// One chunk, three pages of at most 39 KiB (the upper ones full of names), two packs, two index objects, one root.
	t.is(added.length, 5, added.map((file) => file.key).join(" "));
	t.true(sum(added) < chunkBytes + 50_000, `${sum(added)} bytes`);
	const none = await write("none", [], one.ref);
	t.deepEqual(none.ref, one.ref);
	t.is(none.stats.storedBytes, 0);
	await vault.close();
});

test("over its memory budget a vault dedupes less and still reads everything", async (t) => {
	const s = await scene(t);
	const { newTable } = await import("#vault/catalog/table.ts");
	const table = newTable(64 * 32, () => {});
	const names = Array.from({ length: 200 }, (_, i) => content(`name ${i}`, 20));
	const place = (i: number) => ({ pack: i, offset: i * 2, storedBytes: i * 3 });
	const fitted = names.filter((name, i) => table.set(name, place(i)));
	t.true(fitted.length >= 50 && fitted.length <= 64, `${fitted.length}`);
	for (const name of fitted) t.deepEqual(table.at(table.find(name)), place(names.indexOf(name)));
	t.is(table.find(names[199] as Buffer), -1);

	// The same in a vault: a table for a handful of names, no hints, and every chunk is still found.
	const { newCatalog } = await import("#vault/catalog/catalog.ts");
	const { readIdentity } = await import("#vault/config.ts");
	const vault = await s.create();
	await snapshot(vault, "budget", content("budget", 50 * chunkBytes));
	await snapshot(vault, "budget2", content("budget2", 50 * chunkBytes));
	await vault.close();
	const identity = await readIdentity(s.target, s.keys);
	const { keyring } = identity as NonNullable<typeof identity>;
	const catalog = newCatalog({ target: s.target, keyring, tableBudgetBytes: 32 * 32, onGrow: () => {} });
	for (const image of ["budget", "budget2"]) {
		const bytes = content(image, 50 * chunkBytes);
		for (let i = 0; i < 50; i++) {
			const chunk = bytes.subarray(i * chunkBytes, (i + 1) * chunkBytes);
			const found = await catalog.find(keyring.name(1, chunk));
			t.is(found?.storedBytes, chunkBytes + 48);
		}
	}
	t.is(await catalog.find(content("nobody", 20)), undefined);
});

test("a disk that is given whole asks nothing of its base", async (t) => {
	const s = await scene(t);
	const chunks = 3 * 1024;
	const fill = async (writer: VaultWriter, seed: string, base?: ManifestRef) => {
		const disk = await writer.disk({ sizeBytes: chunks * chunkBytes, ...(base === undefined ? {} : { base }) });
		await disk.write(0, content("kept", chunkBytes));
		await disk.zero(1, 1499);
		await disk.write(1500, content(seed, chunkBytes));
		await disk.zero(1501, chunks - 1501);
		return disk.finish();
	};
	const first = await s.create();
	const earlier = await first.writer({ sessionId: "base" });
	const base = await fill(earlier, "base");
	await earlier.close();
	await first.commitRoot(rootOf("base", [base]));
	await first.close();
	let reads = 0;
	const vault = await s.open({
		target: faultyTarget(s.target, ({ verb, key }) => {
			if (verb === "get" && key.startsWith("packs/")) reads++;
			return undefined;
		}),
	});
	const writer = await vault.writer({ sessionId: "next" });
	const ref = await fill(writer, "next", base);
	t.is(reads, 0, "the base's pages may be damaged, and the backup still works");
	await writer.close();
	same(t, await (await vault.disk(ref)).read(1500), content("next", chunkBytes));
	same(t, await (await vault.disk(ref)).read(0), content("kept", chunkBytes));
	await vault.close();
});
