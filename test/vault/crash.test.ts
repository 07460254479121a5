import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import test from "ava";
import type { ManifestRef, WriterStats } from "#vault/vault.ts";
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
} from "./scene.ts";

type Outcome = { packs: string[]; done: { ref: ManifestRef; stats: WriterStats } | undefined };
const child = fileURLToPath(new URL("./child-backup.ts", import.meta.url));

/** Runs a backup process; kills it after `killAfterMs` or once so many packs are durable. */
function run(
	s: Scene,
	options: { image: string; session: string; adopt?: string[]; killAfterPacks?: number; threads?: number },
	delayMs = 0,
): Promise<Outcome> {
	const { image, session, adopt = [], killAfterPacks, threads = 0 } = options;
	const args = [child, join(s.folder, "target"), s.keyFile, image, session, adopt.join(","), String(threads)];
	const worker = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
	const outcome: Outcome = { packs: [], done: undefined };
	createInterface({ input: worker.stdout }).on("line", (line) => {
		if (line.startsWith("pack ")) outcome.packs.push(line.slice(5));
		if (line.startsWith("done ")) outcome.done = JSON.parse(line.slice(5));
		if (killAfterPacks === outcome.packs.length) setTimeout(() => worker.kill("SIGKILL"), delayMs);
	});
	return new Promise((resolve) => worker.on("close", () => resolve(outcome)));
}

test("a backup that is killed again and again ends, bit by bit the same, without sending a durable chunk twice", async (t) => {
	const seed = newSeed(t);
	const draw = randomFrom(seed);
	const s = await scene(t);
	await (await s.create()).close();
	const image = content("killed", 250 * chunkBytes + 777);
	const imageFile = join(s.folder, "image");
	await writeFile(imageFile, image);

	const journal: string[] = [];
	let last: Outcome["done"];
	let kills = 0;
	for (let attempt = 0; last === undefined; attempt++) {
		const before = (await objectFiles(s)).filter(({ key }) => key.startsWith("packs"));
		const durableBefore = before.reduce((sum, file) => sum + file.sizeBytes, 0);
		const killAfterPacks = attempt < 4 ? 1 + draw(3) : -1;
		const options = { image: imageFile, session: "killed", adopt: journal, killAfterPacks, threads: draw(2) };
		const outcome = await run(s, options, draw(12));
		if (outcome.done === undefined) kills++;
		// Chunks of journalled packs are not sent again: what the last attempt sent is what was missing.
		const known = new Set(journal);
		const journalled = before.filter(({ key }) => known.has(key.split("/").at(-1) as string));
		t.true(journalled.length === known.size, "every pack that was said to be durable is there");
		if (outcome.done !== undefined) {
			const kept = journalled.reduce((sum, file) => sum + file.sizeBytes, 0);
			t.log(
				`kills ${kills}, ${journal.length} packs of ${kept} bytes adopted, ${outcome.done.stats.newBytes} sent at last`,
			);
			t.true(outcome.done.stats.newBytes <= image.length - 0.9 * (kept - 2000 * journal.length) || durableBefore === 0);
			t.is(outcome.done.stats.newBytes + outcome.done.stats.reusedBytes, image.length);
		}
		journal.push(...outcome.packs);
		last = outcome.done;
	}
	t.true(kills > 0);
	const vault = await s.open();
	t.deepEqual(await ids(vault.listRoots()), []);
	await vault.commitRoot(rootOf("killed", [last.ref]));
	same(t, await readSnapshot(vault, "killed"), image);
	await vault.close();
});

test("two processes write one vault at once", async (t) => {
	const s = await scene(t);
	await (await s.create()).close();
	const shared = content("shared", 30 * chunkBytes);
	const images = ["left", "right"].map((side) => Buffer.concat([shared, content(side, 10 * chunkBytes + 5)]));
	await Promise.all(images.map((image, i) => writeFile(join(s.folder, `image-${i}`), image)));
	const outcomes = await Promise.all(
		images.map((_, i) => run(s, { image: join(s.folder, `image-${i}`), session: `side-${i}` })),
	);
	const vault = await s.open();
	for (const [i, { done }] of outcomes.entries()) {
		t.truthy(done);
		if (done !== undefined) await vault.commitRoot(rootOf(`side-${i}`, [done.ref]));
	}
	for (const [i, image] of images.entries()) same(t, await readSnapshot(vault, `side-${i}`), image);
	t.deepEqual((await ids(vault.listRoots())).sort(), ["side-0", "side-1"]);
	await vault.close();
});

async function ids(roots: AsyncIterable<{ snapshotId: string }>): Promise<string[]> {
	const all: string[] = [];
	for await (const { snapshotId } of roots) all.push(snapshotId);
	return all;
}
