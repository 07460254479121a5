import { execFile } from "node:child_process";
import { cp } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import test from "ava";
import { fileTarget } from "#vault/targets/file.ts";
import { chunkBytes, content, newSeed, objectFiles, randomFrom, readSnapshot, same, scene, snapshot } from "./scene.ts";

const run = promisify(execFile);
const child = fileURLToPath(new URL("./child-collect.ts", import.meta.url));
/** Every call in the long mode; a sixth of them, other ones each time, otherwise. */
const every = process.env.HOLDFAST_LONG === "1" ? 1 : 6;

test("a deletion and collection killed before any call to the target is gone on with, and loses nothing", async (t) => {
	const s = await scene(t);
	const vault = await s.create();
	const parts = ["a", "b", "c"].map((name) => content(name, 3 * chunkBytes)) as [Buffer, Buffer, Buffer];
	await snapshot(vault, "victim", Buffer.concat(parts));
	await snapshot(vault, "kept", Buffer.concat([parts[0], parts[2]]));
	await snapshot(vault, "other", content("other", 5 * chunkBytes));
	await vault.close();
	const original = join(s.folder, "target");

	/** What a process says that is killed at a call, or undefined. */
	async function collectIn(folder: string, dieAt: number | ""): Promise<string | undefined> {
		try {
			const { stdout } = await run(process.execPath, [child, folder, s.keyFile, "victim", String(dieAt)]);
			return stdout.trim();
		} catch (error) {
			if ((error as { signal?: string }).signal === "SIGKILL") return undefined;
			throw error;
		}
	}

	const whole = join(s.folder, "whole");
	await cp(original, whole, { recursive: true });
	const said = await collectIn(whole, "");
	const [, calls, state] = /^done (\d+) (\w+)$/.exec(said ?? "") ?? [];
	t.is(state, "done");
	const wanted = await sizesOf(whole);

	let kills = 0;
	const first = randomFrom(newSeed(t))(every);
	for (let dieAt = first; dieAt < Number(calls); dieAt += every) {
		const folder = join(s.folder, `at-${dieAt}`);
		await cp(original, folder, { recursive: true });
		if ((await collectIn(folder, dieAt)) === undefined) kills++;
		const opened = await s.open({ target: fileTarget(folder) });
		for (const [id, bytes] of [
			["kept", Buffer.concat([parts[0], parts[2]])],
			["other", content("other", 5 * chunkBytes)],
		] as const) {
			same(t, await readSnapshot(opened, id), bytes);
			await opened.deleteRoot("victim");
			t.is((await opened.collect({ repackAbove: 0.2, packBytes: 512 * 1024 })).state, "done");
			same(t, await readSnapshot(opened, id), bytes);
		}
		await opened.close();
		t.is(await sizesOf(folder), wanted, `killed at call ${dieAt}: everything that is garbage is gone`);
	}
	t.log(`${kills} kills at ${calls} calls`);
	t.true(kills >= Number(calls) / every - 1);

	async function sizesOf(folder: string): Promise<number> {
		const files = await objectFiles(s, basename(folder));
		return files.filter(({ key }) => key.startsWith("packs")).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
	}
});
