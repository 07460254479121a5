import { readFile, writeFile } from "node:fs/promises";
import test from "ava";
import { readIdentity } from "#vault/config.ts";
import { sealDocument } from "#vault/format/documents.ts";
import { faultyTarget, targetDown } from "#vault/targets/faults.ts";
import {
	backUp,
	chunkBytes,
	content,
	objectFiles,
	readSnapshot,
	rootOf,
	type Scene,
	same,
	scene,
	snapshot,
} from "./scene.ts";

const sessions = async (s: Scene) =>
	(await objectFiles(s)).filter(({ key }) => key.startsWith("sessions/")).map(({ key }) => key.split("/").at(-1));

test("a session is there before the first pack and goes with the commit; commit and end exclude each other", async (t) => {
	const s = await scene(t);
	const vault = await s.create();
	const image = content("session", chunkBytes);
	const ref = await backUp(vault, "run", image);
	t.deepEqual(await sessions(s), ["run"]);
	await vault.commitRoot(rootOf("run", [ref]));
	t.deepEqual(await sessions(s), []);

	// At-least-once callers: all of it again.
	await vault.commitRoot(rootOf("run", [ref]));
	await t.throwsAsync(vault.commitRoot(rootOf("run", [ref], { other: true })), { code: "CONFLICT" });
	await vault.endSession("run");
	same(t, await readSnapshot(vault, "run"), image);
	await t.throwsAsync(vault.writer({ sessionId: "run" }), { code: "SESSION_ENDED" });
	t.deepEqual(await sessions(s), []);

	const lost = await backUp(vault, "cancelled", image);
	await vault.endSession("cancelled");
	await vault.endSession("cancelled");
	await vault.endSession("never-was");
	await t.throwsAsync(vault.commitRoot(rootOf("cancelled", [lost])), { code: "SESSION_ENDED" });
	await t.throwsAsync(vault.readRoot("cancelled"), { code: "NOT_FOUND" });
	await t.throwsAsync(vault.commitRoot(rootOf("no-session", [ref])), { code: "SESSION_ENDED" });
	await t.throwsAsync(vault.commitRoot(rootOf("broken", [{ ...ref, page: "0".repeat(40) }])), {
		code: "SESSION_ENDED",
	});
	await vault.close();
});

test("a commit checks that what it names can be read", async (t) => {
	const s = await scene(t);
	const vault = await s.create();
	const ref = await backUp(vault, "checked", content("checked", chunkBytes));
	await t.throwsAsync(vault.commitRoot(rootOf("checked", [{ ...ref, page: "0".repeat(40) }])), { code: "DAMAGED" });
	await t.throwsAsync(vault.commitRoot(rootOf("checked", [{ ...ref, chunkBytes: 1 }])), { code: "BAD_ARGUMENT" });
	await t.throwsAsync(vault.commitRoot(rootOf("checked", [ref], "x".repeat(17 * 2 ** 20))), { code: "BAD_ARGUMENT" });
	await t.throwsAsync(vault.readRoot("checked"), { code: "NOT_FOUND" });
	await vault.commitRoot(rootOf("checked", [ref]));
	await vault.close();
});

test("a commit reads the top page itself: to be listed is not enough", async (t) => {
	const s = await scene(t);
	const vault = await s.create();
	const ref = await backUp(vault, "rotten", content("rotten", chunkBytes));
	const packs = (await objectFiles(s)).filter(({ key }) => key.startsWith("packs/"));
	const pages = packs.sort((a, b) => a.sizeBytes - b.sizeBytes)[0]?.path as string;
	const bytes = await readFile(pages);
	bytes.writeUInt8(bytes.readUInt8(110) ^ 1, 110); // In the only record of the pack.
	await writeFile(pages, bytes);
	await t.throwsAsync((await s.open()).commitRoot(rootOf("rotten", [ref])), { code: "DAMAGED" });
	await t.throwsAsync(vault.readRoot("rotten"), { code: "NOT_FOUND" });
});

test("a commit that is repeated after its snapshot was deleted is refused, although its session stayed", async (t) => {
	const s = await scene(t);
	const vault = await s.create();
	const ref = await backUp(vault, "late", content("late", chunkBytes));
	const dying = faultyTarget(s.target, ({ verb }) => (verb === "delete" ? { before: targetDown() } : undefined));
	const other = await s.open({ target: dying });
	await t.throwsAsync(other.commitRoot(rootOf("late", [ref])), { code: "TARGET_UNREACHABLE" });
	await vault.deleteRoot("late");
	t.deepEqual(await sessions(s), ["late"]);
	await t.throwsAsync(vault.commitRoot(rootOf("late", [ref])), { code: "SESSION_ENDED" });
	await t.throwsAsync(vault.readRoot("late"), { code: "NOT_FOUND" });
});

test("a deleted snapshot is gone, does not come back, and cannot be a base", async (t) => {
	const s = await scene(t);
	const vault = await s.create();
	const ref = await snapshot(vault, "old", content("old", 2 * chunkBytes));
	await snapshot(vault, "other", content("other", chunkBytes));
	await vault.readRoot("old");
	await vault.deleteRoot("old");
	await vault.deleteRoot("old");
	await vault.deleteRoot("never-was");
	await t.throwsAsync(vault.readRoot("old"), { code: "NOT_FOUND" });
	await t.throwsAsync(vault.commitRoot(rootOf("old", [ref])), { code: "SESSION_ENDED" });
	await t.throwsAsync(vault.writer({ sessionId: "old" }), { code: "SESSION_ENDED" });
	const writer = await vault.writer({ sessionId: "new" });
	await t.throwsAsync(writer.disk({ sizeBytes: 2 * chunkBytes, base: ref }), {
		code: "NOT_FOUND",
		message: /full backup/,
	});
	await writer.close();
	const ids = [];
	for await (const { snapshotId } of vault.listRoots()) ids.push(snapshotId);
	t.deepEqual(ids, ["other"]);
	await vault.close();
});

test("chunks in condemned packs are read but never relied on again", async (t) => {
	const s = await scene(t);
	const image = content("condemned", 3 * chunkBytes);
	const vault = await s.create();
	await snapshot(vault, "before", image);
	const packs = (await objectFiles(s)).filter(({ key }) => key.startsWith("packs/"));
	const identity = await readIdentity(s.target, s.keys);
	const { keyring } = identity as NonNullable<typeof identity>;
	const key = "condemned/0123456789abcdef";
	const ids = packs.map((pack) => pack.key.split("/").at(-1) as string);
	const list = { kind: "condemned", condemnedAt: "2026-01-01T00:00:00Z", packs: ids } as const;
	await s.target.put(key, [sealDocument(keyring, key, list)], { ifAbsent: true });

	// The process that wrote them had them in its table; a new one reads them from the index.
	for (const [id, one] of [
		["same-process", vault],
		["new-process", await s.open()],
	] as const) {
		const writer = await one.writer({ sessionId: id });
		const disk = await writer.disk({ sizeBytes: image.length });
		for (let i = 0; i < 3; i++) await disk.write(i, image.subarray(i * chunkBytes, (i + 1) * chunkBytes));
		const ref = await disk.finish();
		if (id === "same-process") t.is(writer.stats.newBytes, image.length, "everything was sent again");
		else t.is(writer.stats.reusedBytes, image.length, "from the packs that are not condemned");
		await writer.close();
		await one.commitRoot(rootOf(id, [ref]));
		same(t, await readSnapshot(one, "before"), image);
	}
	await vault.close();
	// The collection goes through: the new snapshots stand without the condemned packs.
	for (const id of ids) await s.target.delete(`packs/${id}`);
	const after = await s.open();
	same(t, await readSnapshot(after, "same-process"), image);
	same(t, await readSnapshot(after, "new-process"), image);
	await t.throwsAsync(readSnapshot(after, "before"));
	await after.close();
});

test("a repacked chunk is found although every hint is out of date", async (t) => {
	const s = await scene(t);
	const image = content("repacked", 5 * chunkBytes);
	const vault = await s.create();
	await snapshot(vault, "hinted", image);
	const hinted = new Set((await objectFiles(s)).filter(({ key }) => key.startsWith("packs/")).map(({ key }) => key));
	// A repack, done by hand: condemn the old packs, store the same again, then take the old ones away.
	const identity = await readIdentity(s.target, s.keys);
	const { keyring } = identity as NonNullable<typeof identity>;
	const key = "condemned/fedcba9876543210";
	const packs = [...hinted].map((path) => path.split("/").at(-1) as string);
	const list = { kind: "condemned", condemnedAt: "2026-01-01T00:00:00Z", packs } as const;
	await s.target.put(key, [sealDocument(keyring, key, list)]);
	const { base } = { base: await backUp(vault, "again", image) };
	t.true((await objectFiles(s)).filter(({ key }) => key.startsWith("packs/")).length > hinted.size);
	const open = await s.open();
	const disk = await open.disk(base);
	same(t, await disk.read(0), image.subarray(0, chunkBytes));
	// Only the chunks' pack goes: the pages of "hinted" stay and point to a pack that is not there.
	const sizes = (await objectFiles(s)).filter(({ key }) => hinted.has(key)).sort((a, b) => b.sizeBytes - a.sizeBytes);
	await s.target.delete(`packs/${sizes[0]?.key.split("/").at(-1)}`);
	same(t, await readSnapshot(open, "hinted"), image);
	const fresh = await s.open();
	same(t, await readSnapshot(fresh, "hinted"), image);
	for (const one of [vault, open, fresh]) await one.close();
});
