import test from "ava";
import { readIdentity } from "#vault/config.ts";
import { sealDocument } from "#vault/format/documents.ts";
import { faultyTarget } from "#vault/targets/faults.ts";
import type { Vault } from "#vault/vault.ts";
import {
	chunkBytes,
	content,
	newSeed,
	objectFiles,
	randomFrom,
	readSnapshot,
	rootOf,
	type Scene,
	same,
	scene,
	snapshot,
} from "./scene.ts";

const image = (name: string, chunks = 4) => content(name, chunks * chunkBytes);
const keysIn = async (s: Scene, folder: string) =>
	(await objectFiles(s)).filter(({ key }) => key.startsWith(folder)).map(({ key }) => key.split("/").at(-1) as string);
const bytesIn = async (s: Scene, folder: string) =>
	(await objectFiles(s)).filter(({ key }) => key.startsWith(folder)).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
const hour = 3_600_000;
const at = (hours: number) => ({ now: () => new Date(Date.UTC(2026, 0, 1) + hours * hour) });

/** Writes a disk of chunks that may be in the vault already, but only when told to go on. */
async function slowBackup(vault: Vault, id: string, bytes: Buffer, base?: Parameters<typeof rootOf>[1][0]) {
	const writer = await vault.writer({ sessionId: id });
	const disk = await writer.disk({ sizeBytes: bytes.length, ...(base && { base }) });
	return async (kept: boolean) => {
		if (!kept) {
			for (let i = 0; i * chunkBytes < bytes.length; i++) {
				await disk.write(i, bytes.subarray(i * chunkBytes, (i + 1) * chunkBytes));
			}
		}
		const ref = await disk.finish();
		await writer.close();
		await vault.commitRoot(rootOf(id, [ref]));
		return writer.stats;
	};
}

test("what no snapshot needs goes, what one needs stays, and another collection finds nothing", async (t) => {
	const s = await scene(t);
	const vault = await s.create();
	for (const name of ["one", "two", "three"]) await snapshot(vault, name, image(name, 8));
	const before = await bytesIn(s, "packs");
	await vault.deleteRoot("two");

	const plan = await vault.collect({ plan: true });
	t.like(plan, { state: "planned", deleted: { packs: 0 } });
	t.true(plan.garbage.bytes > 8 * chunkBytes);
	t.is(await bytesIn(s, "packs"), before, "a plan changes nothing");

	const report = await vault.collect();
	t.like(report, { state: "done", garbage: plan.garbage, deleted: plan.garbage, rescued: 0 });
	t.is(await bytesIn(s, "packs"), before - plan.garbage.bytes);
	for (const one of [vault, await s.open()]) {
		for (const name of ["one", "three"]) same(t, await readSnapshot(one, name), image(name, 8));
		await t.throwsAsync(one.readRoot("two"), { code: "NOT_FOUND" });
	}
	t.like(await vault.collect(), { state: "done", garbage: { packs: 0 }, deleted: { packs: 0 } });
	// The process that had the deleted packs in its tables stores their chunks again.
	await snapshot(vault, "two-again", image("two", 8));
	same(t, await readSnapshot(await s.open(), "two-again"), image("two", 8));
});

test("a running backup holds what it may rely on, and what it did rely on is rescued", async (t) => {
	const s = await scene(t);
	const first = await s.create(at(0));
	await snapshot(first, "old", image("shared"));
	await first.close();
	const vault = await s.open(at(10));
	const goOn = await slowBackup(vault, "running", image("shared"));
	const cleaner = await s.open(at(11));
	await cleaner.deleteRoot("old");
	const waiting = await cleaner.collect();
	t.is(waiting.state, "waiting");
	t.deepEqual(
		waiting.waitingFor.map(({ id, purpose }) => [id, purpose]),
		[["running", "write"]],
	);
	t.true(waiting.garbage.packs > 0);
	// A backup that starts now relies on none of it.
	const late = await s.open(at(11));
	const stored = await (await slowBackup(late, "late", image("shared")))(false);
	t.is(stored.reusedBytes, 0);
	const stats = await goOn(false);
	t.is(stats.newBytes, 0, "all of it was there already");

	const report = await cleaner.collect();
	t.is(report.state, "done");
	const fresh = await s.open(at(12));
	for (const id of ["running", "late"]) same(t, await readSnapshot(fresh, id), image("shared"));
	t.is((await fresh.collect({ plan: true })).garbage.packs, 0);
});

test("the only copy of what a running backup relied on is rescued, and may be relied on again", async (t) => {
	const s = await scene(t);
	const first = await s.create(at(0));
	await snapshot(first, "old", image("shared"));
	const vault = await s.open(at(10));
	const goOn = await slowBackup(vault, "running", image("shared"));
	await first.deleteRoot("old");
	t.is((await first.collect()).state, "waiting");
	t.is((await goOn(false)).newBytes, 0);
	const report = await first.collect();
	t.true(report.rescued > 0, "the chunks' pack came back");
	const fresh = await s.open(at(12));
	same(t, await readSnapshot(fresh, "running"), image("shared"));
	t.is((await (await slowBackup(fresh, "next", image("shared")))(false)).newBytes, 0);
	same(t, await readSnapshot(await s.open(), "next"), image("shared"));
});

test("a base that is deleted under a running incremental stays until it has ended", async (t) => {
	const s = await scene(t);
	const first = await s.create(at(0));
	const base = await snapshot(first, "base", image("base"));
	const vault = await s.open(at(10));
	const goOn = await slowBackup(vault, "incremental", image("base"), base);
	await first.deleteRoot("base");
	t.is((await first.collect()).state, "waiting");
	await goOn(true);
	t.is((await first.collect()).state, "done");
	same(t, await readSnapshot(await s.open(at(12)), "incremental"), image("base"));
});

test("a base that was committed and deleted during a collection stays for the incremental on it", async (t) => {
	const s = await scene(t);
	const first = await s.create(at(0));
	await snapshot(first, "old", image("shared"));
	const running = await s.open(at(10));
	const writer = await running.writer({ sessionId: "base" });
	const disk = await writer.disk({ sizeBytes: image("shared").length });
	await first.deleteRoot("old");
	t.is((await first.collect()).state, "waiting");
	for (let i = 0; i < 4; i++) await disk.write(i, image("shared").subarray(i * chunkBytes, (i + 1) * chunkBytes));
	const base = await disk.finish();
	t.is(writer.stats.newBytes, 0, "it relies on what is condemned");
	await writer.close();
	await running.commitRoot(rootOf("base", [base]));
	// Nobody waits for this one: it began after the collection had asked.
	const goOn = await slowBackup(await s.open(at(11)), "incremental", image("shared"), base);
	await first.deleteRoot("base");
	t.true((await first.collect()).rescued > 0);
	await goOn(true);
	same(t, await readSnapshot(await s.open(at(12)), "incremental"), image("shared"));
});

test("a reading session keeps a deleted snapshot readable", async (t) => {
	const s = await scene(t);
	const vault = await s.create(at(0));
	await snapshot(vault, "read", image("read"));
	const reader = await s.open(at(10));
	const reading = await reader.reading();
	const root = await reader.readRoot("read");
	await vault.deleteRoot("read");
	t.like(await vault.collect(), { state: "waiting", deleted: { packs: 0 } });
	const disk = await reader.disk(root.instances[0]?.disks[0]?.manifest as never);
	same(t, await disk.read(2), image("read").subarray(2 * chunkBytes, 3 * chunkBytes));
	await reading.end();
	t.true((await vault.collect()).deleted.packs > 0);
	t.is((await keysIn(s, "packs")).length, 0);
});

test("packs that are mostly garbage are written anew, and old hints still lead to their records", async (t) => {
	const s = await scene(t);
	const vault = await s.create();
	const both = Buffer.concat([image("keep", 1), image("drop", 6)]);
	await snapshot(vault, "both", both);
	await snapshot(vault, "keep", image("keep", 1));
	await vault.deleteRoot("both");
	t.is((await vault.collect({ repackAbove: 0.95 })).repacked.packs, 0, "not wasteful enough");
	const before = await bytesIn(s, "packs");
	const report = await vault.collect({ repackAbove: 0.5 });
	t.true(report.repacked.packs > 0);
	t.true(report.deleted.packs >= report.repacked.packs);
	t.true((await bytesIn(s, "packs")) < before - 5 * chunkBytes);
	for (const one of [vault, await s.open()]) same(t, await readSnapshot(one, "keep"), image("keep", 1));
	t.is((await vault.collect({ repackAbove: 0.5 })).repacked.packs, 0);
});

test("two collections at once, again and again, lose nothing", async (t) => {
	const s = await scene(t);
	const draw = randomFrom(newSeed(t));
	const vault = await s.create();
	const there = new Map<string, Buffer>();
	for (let round = 0; round < 6; round++) {
		const bytes = Buffer.concat(Array.from({ length: 6 }, () => image(`part${draw(9)}`, 1)));
		await snapshot(vault, `s${round}`, bytes);
		there.set(`s${round}`, bytes);
		const victim = [...there.keys()][draw(there.size)] as string;
		if (draw(2) === 0) {
			await vault.deleteRoot(victim);
			there.delete(victim);
		}
		const [one, other] = [await s.open(), await s.open()];
		await Promise.all([one.collect({ repackAbove: 0 }), other.collect({ repackAbove: 0 })]);
		const fresh = await s.open();
		for (const [id, wanted] of there) same(t, await readSnapshot(fresh, id), wanted);
		await Promise.all([one.close(), other.close(), fresh.close()]);
	}
});

test("where something that is needed is missing, nothing is deleted", async (t) => {
	const s = await scene(t);
	const vault = await s.create();
	await snapshot(vault, "damaged", image("damaged"));
	await snapshot(vault, "garbage", image("garbage"));
	const index = await keysIn(s, "index");
	await vault.deleteRoot("garbage");
	const before = await keysIn(s, "packs");
	for (const name of index.slice(0, 2)) await s.target.delete(`index/${name}`);
	const fresh = await s.open();
	await t.throwsAsync(fresh.collect(), { code: "DAMAGED" });
	t.deepEqual(await keysIn(s, "packs"), before);
});

test("a target whose lists lag is refused", async (t) => {
	const s = await scene(t);
	await (await s.create()).close();
	const target = { ...s.target, capabilities: { ...s.target.capabilities, listAfterWrite: false } };
	const vault = await s.open({ target });
	await t.throwsAsync(vault.collect(), { code: "BAD_ARGUMENT", message: /may lag behind/ });
});

test("with little memory it takes more passes and comes to the same result", async (t) => {
	const [s, vast] = [await scene(t), await scene(t)];
	for (const one of [s, vast]) {
		const vault = await one.create();
		for (let i = 0; i < 5; i++) await snapshot(vault, `s${i}`, image(`s${i}`, 20));
		await vault.deleteRoot("s1");
		await vault.deleteRoot("s3");
	}
	const [little, much] = [
		await (await s.open()).collect({ memoryBudgetBytes: 12_000 }),
		await (await vast.open()).collect(),
	];
	t.is(little.deleted.packs, much.deleted.packs);
	t.deepEqual(little.live.packs, much.live.packs);
	for (const id of ["s0", "s2", "s4"]) same(t, await readSnapshot(await s.open(), id), image(id, 20));
});

test("many small index objects become few", async (t) => {
	const s = await scene(t);
	const vault = await s.create();
	for (let i = 0; i < 20; i++) await snapshot(vault, `s${i}`, image(`s${i}`, 1));
	t.true((await keysIn(s, "index")).length > 32);
	const report = await vault.collect();
	t.is(report.indexObjects?.after, 1);
	t.is((await keysIn(s, "index")).length, 1);
	for (const one of [vault, await s.open()]) same(t, await readSnapshot(one, "s7"), image("s7", 1));
	await snapshot(vault, "after", image("s3", 1));
	same(t, await readSnapshot(await s.open(), "after"), image("s3", 1));
});

test("marks of the past go after two more collections and thirty days", async (t) => {
	const s = await scene(t);
	const day = 24;
	const vault = await s.create(at(0));
	await snapshot(vault, "kept", image("kept"));
	for (const [i, days] of [0, 1, 31, 62].entries()) {
		const one = await s.open(at(days * day));
		await snapshot(one, `gone${i}`, image(`gone${i}`));
		await one.deleteRoot(`gone${i}`);
		const lost = await one.writer({ sessionId: `lost${i}` });
		await lost.close();
		await one.endSession(`lost${i}`);
		t.is((await one.collect()).state, "done");
		await one.close();
	}
	const [deleted, roots] = [await keysIn(s, "deleted"), await keysIn(s, "roots")];
	t.false(deleted.includes("gone0") || deleted.includes("gone1"), "old, and seen by three collections");
	t.true(deleted.includes("gone2") && deleted.includes("gone3"));
	t.false(roots.includes("lost0"));
	t.true(roots.includes("lost3") && roots.includes("kept"));
	same(t, await readSnapshot(await s.open(), "kept"), image("kept"));
});

test("a list of condemned packs that is replaced while a writer reads it is read again", async (t) => {
	const s = await scene(t);
	const vault = await s.create();
	await snapshot(vault, "there", image("there"));
	const identity = await readIdentity(s.target, s.keys);
	const { keyring } = identity as NonNullable<typeof identity>;
	const packs = await keysIn(s, "packs");
	const list = { kind: "condemned", condemnedAt: "2026-01-01T00:00:00Z", packs } as const;
	const put = (key: string) => s.target.put(key, [sealDocument(keyring, key, list)]);
	await put("condemned/0123456789abcdef");
	let replaced = false;
	const target = faultyTarget(s.target, async ({ verb, key }) => {
		if (verb === "get" && key === "condemned/0123456789abcdef" && !replaced) {
			replaced = true;
			await put("condemned/0123456789abcdef-kept");
			await s.target.delete(key);
		}
		return undefined;
	});
	const writer = await (await s.open({ target })).writer({ sessionId: "late" });
	const disk = await writer.disk({ sizeBytes: 4 * chunkBytes });
	for (let i = 0; i < 4; i++) await disk.write(i, image("there").subarray(i * chunkBytes, (i + 1) * chunkBytes));
	await disk.finish();
	t.true(replaced);
	t.is(writer.stats.reusedBytes, 0, "all of it was condemned");
});

test("condemned objects of an older program are respected and never gone on with", async (t) => {
	const s = await scene(t);
	const vault = await s.create();
	await snapshot(vault, "there", image("there"));
	const identity = await readIdentity(s.target, s.keys);
	const { keyring } = identity as NonNullable<typeof identity>;
	const key = "condemned/0123456789abcdef";
	const packs = await keysIn(s, "packs");
	const list = { kind: "condemned", condemnedAt: "2026-01-01T00:00:00Z", packs } as const;
	await s.target.put(key, [sealDocument(keyring, key, list)]);
	const fresh = await s.open();
	t.like(await fresh.collect(), { state: "done", deleted: { packs: 0 } });
	same(t, await readSnapshot(fresh, "there"), image("there"));
});
