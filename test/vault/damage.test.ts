import { copyFile, readFile, truncate, writeFile } from "node:fs/promises";
import test from "ava";
import { isVaultError } from "#vault/errors.ts";
import {
	chunkBytes,
	content,
	newSeed,
	objectFiles,
	randomFrom,
	readSnapshot,
	rootOf,
	type Scene,
	scene,
	snapshot,
} from "./scene.ts";

const image = Buffer.concat([
	content("damage", 6 * chunkBytes),
	Buffer.alloc(3 * chunkBytes),
	Buffer.alloc(70_000, "text"),
]);

async function makeVault(s: Scene, encrypt: boolean): Promise<void> {
	const vault = await s.create({ encrypt });
	await snapshot(vault, "one", image);
	await snapshot(vault, "two", content("two", 2 * chunkBytes));
	await vault.close();
}

/** Right bytes, or an error of the vault: anything else fails. True when it was an error. */
async function readsRightOrFails(
	s: Scene,
	allowed: string[] = ["DAMAGED", "UNSUPPORTED_FORMAT"],
): Promise<string | undefined> {
	let vault: Awaited<ReturnType<Scene["open"]>> | undefined;
	try {
		vault = await s.open();
		const [one] = await readSnapshot(vault, "one");
		if (!one?.equals(image)) throw new Error("wrong data was handed on");
		return undefined;
	} catch (error) {
		if (!isVaultError(error) || !allowed.includes(error.code)) throw error;
		return error.message;
	} finally {
		await vault?.close();
	}
}

for (const encrypt of [true, false]) {
	const how = encrypt ? "encrypted" : "unencrypted";
	test(`a flipped bit anywhere is found before a wrong byte is handed on, ${how}`, async (t) => {
		const draw = randomFrom(newSeed(t));
		const s = await scene(t);
		await makeVault(s, encrypt);
		let found = 0;
		let cases = 0;
		for (const file of await objectFiles(s)) {
			const whole = await readFile(file.path);
			const offsets = new Set([
				8,
				9,
				10,
				12,
				20,
				40,
				50,
				62,
				64,
				65,
				70,
				whole.length - 1,
				whole.length - 5,
				whole.length - 30,
			]);
			for (let i = 0; i < 12; i++) offsets.add(draw(whole.length));
			for (const offset of offsets) {
				if (offset < 0 || offset >= whole.length) continue;
				const spoilt = Buffer.from(whole);
				spoilt[offset] = (spoilt[offset] as number) ^ (1 << draw(8));
				await writeFile(file.path, spoilt);
				cases++;
				const message = await readsRightOrFails(s, ["DAMAGED", "UNSUPPORTED_FORMAT", "WRONG_KEY"]);
				if (message !== undefined) found++;
				if (message !== undefined && file.key.startsWith("packs")) t.regex(message, /packs\/|pack/);
			}
			await writeFile(file.path, whole);
		}
		t.log(`${found} of ${cases} flips met by the reader and refused; the others lie where this read does not look`);
		t.true(found > cases / 4);
		t.is(await readsRightOrFails(s), undefined);
	});

	test(`truncated, swapped and renamed objects are refused, ${how}`, async (t) => {
		const s = await scene(t);
		await makeVault(s, encrypt);
		const files = await objectFiles(s);
		const kinds = new Set(files.map((file) => file.key.split("/")[0]));
		t.true(kinds.has("packs") && kinds.has("index") && kinds.has("roots") && kinds.has("keys") && kinds.has("config"));
		const refusals = ["DAMAGED", "UNSUPPORTED_FORMAT", "WRONG_KEY"];
		for (const file of files) {
			const whole = await readFile(file.path);
			for (const length of [0, 10, 63, 64, 100, whole.length - 1]) {
				await truncate(file.path, Math.min(length, whole.length - 1));
				await readsRightOrFails(s, refusals);
				await writeFile(file.path, whole);
			}
			for (const other of files) {
				if (other === file) continue;
				await copyFile(other.path, file.path);
				await readsRightOrFails(s, refusals);
			}
			await writeFile(file.path, whole);
		}
		const [one, two] = files.filter((file) => file.key.startsWith("roots"));
		await copyFile(two?.path as string, one?.path as string);
		t.regex((await readsRightOrFails(s)) ?? "", encrypt ? /fails authentication/ : /fails authentication/);
	});
}

test("an object of another vault with the same key file is refused", async (t) => {
	const s = await scene(t);
	await makeVault(s, true);
	const other = await scene(t);
	await copyFile(s.keyFile, other.keyFile);
	await makeVault(other, true);
	const rootFile = async (of: Scene) =>
		(await objectFiles(of)).find((file) => file.key.endsWith("one"))?.path as string;
	await copyFile(await rootFile(other), await rootFile(s));
	t.regex((await readsRightOrFails(s)) ?? "", /belongs to another vault/);
});

test("forged sizes are refused before memory is taken for them", async (t) => {
	const { decodeIndex } = await import("#vault/format/index-object.ts");
	const { decodePage } = await import("#vault/format/page.ts");
	const { readFoot, packTail } = await import("#vault/format/pack.ts");
	const { openRecord, sealRecord, newLane } = await import("#vault/format/record.ts");
	const { makeKeyring } = await import("#vault/keyring.ts");
	const keyring = makeKeyring({
		vaultKey: Buffer.alloc(32, 1),
		vaultId: "00000000-0000-4000-8000-000000000000",
		encrypt: false,
	});
	const damaged = (work: () => unknown) => t.throws(work, { code: "DAMAGED" });
	damaged(() => decodeIndex("index/x", Buffer.from("ffffffff", "hex")));
	damaged(() =>
		decodeIndex("index/x", Buffer.concat([Buffer.from("01000000", "hex"), Buffer.alloc(16), Buffer.alloc(4, 0xff)])),
	);
	damaged(() => decodePage("packs/x", Buffer.alloc(140, 0xff), 255));
	damaged(() => decodePage("packs/x", Buffer.alloc(100), 0));
	const tail = packTail(keyring, "0".repeat(32), Buffer.alloc(28), 64);
	const { crc32 } = await import("node:zlib");
	tail.writeUInt32LE(0x7fffffff, tail.length - 64 + 16);
	tail.writeUInt32LE(crc32(tail.subarray(-64, -4)), tail.length - 4);
	damaged(() => readFoot(keyring, "0".repeat(32), tail));
	// A bomb: a megabyte of zeros sealed as one chunk, opened where 64 KiB may come.
	const plain = Buffer.alloc(1024 * 1024);
	const name = keyring.name(1, plain);
	const out = new Uint8Array(plain.length + 64);
	const length = sealRecord(keyring, newLane(keyring), { type: 1, name, compressionLevel: 1 }, plain, out);
	t.true(length < 1000);
	const options = { type: 1, name, maxPlainBytes: 65536, object: "packs/x" } as const;
	damaged(() => openRecord(keyring, options, out.subarray(0, length)));
	t.is(openRecord(keyring, { ...options, maxPlainBytes: plain.length }, out.subarray(0, length)).length, plain.length);
});

test("a damaged pack does not hide what is whole, and the message names the pack and the chunk", async (t) => {
	const s = await scene(t);
	await makeVault(s, true);
	const pack = (await objectFiles(s)).find((file) => file.key.startsWith("packs") && file.sizeBytes > 5 * chunkBytes);
	const bytes = await readFile(pack?.path as string);
	bytes[200] = (bytes[200] as number) ^ 1;
	await writeFile(pack?.path as string, bytes);
	const vault = await s.open();
	const root = await vault.readRoot("one");
	const disk = await vault.disk(root.instances[0]?.disks[0]?.manifest as never);
	const results = [];
	for (let i = 0; i < 10; i++) results.push(await disk.read(i).catch((error: unknown) => error));
	const broken = results.filter((result) => isVaultError(result, "DAMAGED"));
	t.is(broken.length, 1);
	t.regex(
		String(broken[0]),
		/packs\/[0-9a-f]{32} is damaged: it holds a record that fails authentication \(chunk [0-9a-f]{40}\)/,
	);
	await t.notThrowsAsync(vault.commitRoot({ ...rootOf("one", [], {}), ...root }));
	await vault.close();
});
