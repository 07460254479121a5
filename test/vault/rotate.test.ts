import { spawnSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";
import { createKeyFile, keyFromFile } from "#vault/keys.ts";
import { addKey, rotateKey } from "#vault/rotate.ts";
import { content, objectFiles, readSnapshot, type Scene, same, scene, snapshot } from "./scene.ts";

const image = content("rotated", 70_000);
const child = fileURLToPath(new URL("./child-rotate.ts", import.meta.url));
const keyObjects = async (s: Scene) => (await objectFiles(s)).filter(({ key }) => key.startsWith("keys/"));

async function withSecondKey(s: Scene) {
	const vault = await s.create();
	await snapshot(vault, "kept", image);
	await vault.close();
	const path = join(s.folder, "second");
	await createKeyFile(path);
	return { path, second: keyFromFile(path) };
}

test("a key that was added opens the vault beside the first; a rotation leaves the others alone", async (t) => {
	const s = await scene(t);
	const { second } = await withSecondKey(s);
	const others = (await objectFiles(s)).filter(({ key }) => !key.startsWith("keys/"));
	for (let again = 0; again < 2; again++) await addKey({ target: s.target, keys: s.keys, added: second });
	t.is((await keyObjects(s)).length, 2);
	const phrase = join(s.folder, "phrase");
	await writeFile(phrase, "correct horse battery staple\n", { mode: 0o600 });
	const third = keyFromFile(phrase);
	for (let again = 0; again < 2; again++) await rotateKey({ target: s.target, from: s.keys, to: third });
	t.is((await keyObjects(s)).length, 2);
	for (const keys of [second, third]) {
		const vault = await s.open({ keys });
		same(t, await readSnapshot(vault, "kept"), image);
		await vault.close();
	}
	await t.throwsAsync(s.open(), { code: "WRONG_KEY" });
	await t.throwsAsync(addKey({ target: s.target, keys: s.keys, added: second }), { code: "WRONG_KEY" });
	await rotateKey({ target: s.target, from: third, to: third });
	t.is((await keyObjects(s)).length, 2, "from a key to itself nothing goes");
	t.deepEqual(
		(await objectFiles(s)).filter(({ key }) => !key.startsWith("keys/")),
		others,
	);
});

test("a damaged key object keeps nobody from rotating, and is never taken for the new key", async (t) => {
	const s = await scene(t);
	const { second } = await withSecondKey(s);
	await addKey({ target: s.target, keys: s.keys, added: second });
	for (const { path } of await keyObjects(s)) {
		const whole = await readFile(path);
		const spoilt = Buffer.from(whole);
		spoilt[80] = (spoilt[80] as number) ^ 1;
		await writeFile(path, spoilt);
		const opened = await s.open().catch(() => undefined);
		await opened?.close();
		if (opened !== undefined) {
			await rotateKey({ target: s.target, from: s.keys, to: second });
			await (await s.open({ keys: second })).close();
			t.is((await keyObjects(s)).length, 2, "the damaged one, which nobody's key claims, and the new one");
			await t.throwsAsync(s.open(), { code: "DAMAGED" });
			return;
		}
		await writeFile(path, whole);
	}
	t.fail("one of the two was the second key's");
});

test("whichever target call a rotation is killed before, a key opens the vault, and another call ends it", async (t) => {
	const s = await scene(t);
	let { path } = await withSecondKey(s);
	let first = s.keyFile;
	let kills = 0;
	for (let dieAt = 0, ended = false; !ended; dieAt++) {
		const args = [child, join(s.folder, "target"), first, path];
		const { signal, status, stderr } = spawnSync(process.execPath, [...args, `${dieAt}`], { encoding: "utf8" });
		ended = signal === null;
		t.true(ended ? status === 0 : signal === "SIGKILL", stderr);
		if (!ended) kills++;
		const opened = await Promise.allSettled([first, path].map((file) => s.open({ keys: keyFromFile(file) })));
		t.true(
			opened.some(({ status }) => status === "fulfilled"),
			`killed before call ${dieAt}`,
		);
		for (const one of opened) if (one.status === "fulfilled") await one.value.close();
		await rotateKey({ target: s.target, from: keyFromFile(first), to: keyFromFile(path) });
		const vault = await s.open({ keys: keyFromFile(path) });
		same(t, await readSnapshot(vault, "kept"), image);
		await vault.close();
		await t.throwsAsync(s.open({ keys: keyFromFile(first) }), { code: "WRONG_KEY" });
		t.is((await keyObjects(s)).length, 1);
		[first, path] = [path, first];
	}
	t.log(`killed before each of ${kills} calls`);
	t.true(kills >= 8);
});
