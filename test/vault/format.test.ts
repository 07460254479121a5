import { chmod, cp } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";
import { type Child, decodePage, encodePage } from "#vault/format/page.ts";
import { keyFromFile } from "#vault/keys.ts";
import { openVault } from "#vault/open.ts";
import { fileTarget } from "#vault/targets/file.ts";
import { fixtureImage } from "./fixtures/make-format-1.ts";
import { content, newSeed, randomFrom, readSnapshot, rootOf, same, scene } from "./scene.ts";

const fixtures = fileURLToPath(new URL("./fixtures/format-1/", import.meta.url));

for (const kind of ["encrypted", "plain"]) {
	test(`a vault of format version 1 is read and continued, ${kind}`, async (t) => {
		const { folder } = await scene(t);
		// A copy: git keeps neither the mode of the key nor an untouched target.
		await cp(join(fixtures, kind), folder, { recursive: true });
		await chmod(join(folder, "key"), 0o600);
		const keys = keyFromFile(join(folder, "key"));
		const vault = await openVault({ target: fileTarget(join(folder, "target")), keys, threads: 0 });
		for (const day of [1, 2]) {
			same(t, await readSnapshot(vault, `day-${day}`), fixtureImage(day));
			const root = await vault.readRoot(`day-${day}`);
			t.deepEqual(
				root,
				rootOf(`day-${day}`, [root.instances[0]?.disks[0]?.manifest as never], { note: `captured on day ${day}` }),
			);
		}
		const ids = [];
		for await (const { snapshotId } of vault.listRoots()) ids.push(snapshotId);
		t.deepEqual(ids.sort(), ["day-1", "day-2"]);
		await t.throwsAsync(vault.writer({ sessionId: "given-up" }), { code: "SESSION_ENDED" });

		const writer = await vault.writer({ sessionId: "still-running" });
		const day1 = (await vault.readRoot("day-1")).instances[0]?.disks[0]?.manifest;
		const image = fixtureImage(2);
		const disk = await writer.disk({ sizeBytes: image.length, base: day1 as never });
		for (const i of [2, 3]) await disk.write(i, image.subarray(i * 65536, (i + 1) * 65536));
		const ref = await disk.finish();
		const day2 = (await vault.readRoot("day-2")).instances[0]?.disks[0]?.manifest;
		t.deepEqual(ref, day2, "the same chunks give the same page names as then");
		t.is(writer.stats.newBytes, 0);
		await writer.close();
		await vault.commitRoot(rootOf("still-running", [ref]));
		await vault.close();
	});
}

test("pages say what they were given, and equal children give equal bytes", (t) => {
	const draw = randomFrom(newSeed(t));
	for (let round = 0; round < 20; round++) {
		const density = draw(3) + 1;
		const packs = Array.from({ length: 1 + draw(400) }, (_, i) => content(`pack ${i}`, 16).toString("hex"));
		const children = Array.from({ length: 1 + draw(1024) }, (_, slot): Child | undefined => {
			const pack = draw(5) === 0 ? undefined : packs[draw(packs.length)];
			return draw(density) === 0 ? { name: content(`${round} ${slot}`, 20), pack } : undefined;
		});
		const bytes = encodePage(round % 3, children);
		t.deepEqual(encodePage(round % 3, children), bytes);
		if (bytes === undefined) {
			t.true(children.every((child) => child === undefined));
			continue;
		}
		const page = decodePage("packs/x", bytes, round % 3);
		let kept = 0;
		for (let slot = 0; slot < 1024; slot++) {
			const wanted = children[slot];
			const read = page.child(slot);
			if (Buffer.compare(read?.name ?? Buffer.alloc(0), wanted?.name ?? Buffer.alloc(0)) !== 0) t.fail(`slot ${slot}`);
			// Beyond 255 packs a page gives no hint; it never gives a wrong one.
			if (read?.pack !== undefined && read.pack !== wanted?.pack) t.fail(`hint of slot ${slot}`);
			if (read?.pack !== undefined) kept++;
		}
		t.true(kept > 0 || children.every((child) => child?.pack === undefined));
		t.throws(() => decodePage("packs/x", bytes, 7), { code: "DAMAGED" });
		t.throws(() => decodePage("packs/x", bytes.subarray(0, bytes.length - 1), round % 3), { code: "DAMAGED" });
	}
});
