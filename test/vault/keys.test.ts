import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { createKeyFile, keyFromFile } from "#vault/keys.ts";
import { content, objectFiles, readSnapshot, same, scene, snapshot } from "./scene.ts";

test("a passphrase opens what it made, and nothing else does", async (t) => {
	const s = await scene(t);
	const file = async (name: string, text: string, mode = 0o600) => {
		const path = join(s.folder, name);
		await writeFile(path, text);
		await chmod(path, mode);
		return keyFromFile(path);
	};
	const passphrase = await file("passphrase", "correct horse battery staple\n");
	const vault = await s.create({ keys: passphrase });
	await snapshot(vault, "kept", content("kept", 1000));
	await vault.close();
	const again = await s.open({ keys: await file("same", "correct horse battery staple") });
	same(t, await readSnapshot(again, "kept"), content("kept", 1000));
	await again.close();

	for (const wrong of [
		s.keys,
		await file("wrong", "incorrect horse battery staple"),
		await file("hex", "ab".repeat(32)),
	]) {
		const error = await t.throwsAsync(s.open({ keys: wrong }), { code: "WRONG_KEY" });
		t.regex(
			error?.message ?? "",
			/^The key file \S+ does not open the vault [0-9a-f-]{36} in the folder \S+\. Give the key/,
		);
	}
	const refused = async (keys: ReturnType<typeof keyFromFile>, message: RegExp) =>
		t.throwsAsync(s.open({ keys }), { code: "KEY_FILE", message });
	await refused(await file("open", "correct horse battery staple", 0o640), /may be read by others.*chmod 600/);
	await refused(await file("short", "short"), /at least 12 characters/);
	await refused(keyFromFile(join(s.folder, "absent")), /cannot be read/);
	await t.throwsAsync(createKeyFile(s.keyFile), { code: "KEY_FILE", message: /never overwritten/ });
});

test("an empty target says that it holds no vault", async (t) => {
	const s = await scene(t);
	await t.throwsAsync(s.open(), { code: "NOT_FOUND", message: /There is no vault in the folder/ });
});

test("several creators at once make one vault, with one key", async (t) => {
	const s = await scene(t);
	const vaults = await Promise.all(Array.from({ length: 6 }, () => s.create()));
	t.is(new Set(vaults.map((vault) => vault.id)).size, 1);
	await Promise.all(vaults.map((vault, i) => snapshot(vault, `by-${i}`, content(`by ${i}`, 70_000))));
	await Promise.all(vaults.map((vault) => vault.close()));
	const late = await s.create({ chunkBytes: 1024 * 1024, encrypt: false });
	t.is(late.chunkBytes, 64 * 1024, "an existing vault keeps its settings");
	for (let i = 0; i < 6; i++) same(t, await readSnapshot(late, `by-${i}`), content(`by ${i}`, 70_000));
	t.is((await objectFiles(s)).filter(({ key }) => key.startsWith("keys/")).length, 1);
	await late.close();
});

test("nothing on the target shows content or names of another vault", async (t) => {
	const one = await scene(t);
	const two = await scene(t);
	const names: Set<string>[] = [];
	for (const s of [one, two]) {
		const vault = await s.create();
		const ref = await snapshot(vault, "equal", content("equal", 200_000));
		names.push(new Set([ref.page as string]));
		await vault.close();
	}
	t.notDeepEqual(names[0], names[1]);
});
