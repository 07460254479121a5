import test from "ava";
import { readIdentity } from "#vault/config.ts";
import { objectTypes, recordTypes } from "#vault/format/constants.ts";
import { openDocument } from "#vault/format/documents.ts";
import { readEntries } from "#vault/format/entries.ts";
import { openObject } from "#vault/format/envelope.ts";
import { decodeIndex } from "#vault/format/index-object.ts";
import { decodePage, maxPageBytes } from "#vault/format/page.ts";
import { openRecord } from "#vault/format/record.ts";
import type { Keyring } from "#vault/keyring.ts";
import { createVault, openVault } from "#vault/open.ts";
import { readPackIndex } from "#vault/read/pack-index.ts";
import type { Target } from "#vault/target.ts";
import { memoryTarget } from "./memory-target.ts";
import { chunkBytes, content, newSeed, randomFrom, rootOf, scene } from "./scene.ts";

/**
 * The write order of docs/format.md, checked at each put: what an object names must be there, and findable, before it.
 * Puts take their time, in random order, so that whatever does not wait for another is overtaken by it.
 */
function watchedTarget(
	inner: ReturnType<typeof memoryTarget>,
	keyring: () => Keyring,
	sleep: () => Promise<void>,
): Target {
	const indexed = new Set<string>();
	const hex = (name: Uint8Array) => Buffer.from(name).toString("hex");

	async function checkPack(key: string, bytes: Buffer): Promise<void> {
		if (![...inner.objects.keys()].some((other) => other.startsWith("sessions/")))
			throw new Error("I5: a pack without a session");
		const id = key.slice("packs/".length);
		const lone = { ...inner, get: async (_: string, options: unknown) => range(bytes, options) } as Target;
		const own = new Set<string>();
		for (const entry of readEntries(key, await readPackIndex(lone, keyring(), id), 64)) {
			own.add(hex(entry.name));
			if (entry.type !== recordTypes.page) continue;
			const record = bytes.subarray(entry.offset, entry.offset + entry.storedBytes);
			const plain = openRecord(
				keyring(),
				{ type: 2, name: entry.name, maxPlainBytes: maxPageBytes, object: key },
				record,
			);
			const page = decodePage(key, plain, plain[0] as number);
			for (let slot = 0; slot < 1024; slot++) {
				const child = page.child(slot);
				// A page above may be in the same pack as the page below it: they become durable in one step.
				if (child && !indexed.has(hex(child.name)) && !own.has(hex(child.name)))
					throw new Error(`I3: a page before its child's index`);
			}
		}
	}

	async function check(key: string, bytes: Buffer): Promise<void> {
		if (key.startsWith("packs/")) await checkPack(key, bytes);
		if (key.startsWith("index/")) {
			for (const pack of decodeIndex(key, openObject(keyring(), objectTypes.index, key, bytes))) {
				if (!inner.objects.has(`packs/${pack.id}`)) throw new Error("I2: an index before its pack");
			}
		}
		if (key.startsWith("roots/")) {
			for (const { disks } of openDocument(keyring(), "root", key, bytes).root.instances) {
				for (const { manifest } of disks) {
					if (manifest.page !== null && !indexed.has(manifest.page))
						throw new Error("I4: a root before its page's index");
				}
			}
		}
	}

	return {
		...inner,
		async put(key, body, options) {
			const bytes = Buffer.concat(body);
			await check(key, bytes);
			await sleep();
			await inner.put(key, [bytes], options);
			if (!key.startsWith("index/")) return;
			for (const pack of decodeIndex(key, openObject(keyring(), objectTypes.index, key, bytes))) {
				for (const { name } of readEntries(key, Buffer.from(pack.entries), 64)) indexed.add(hex(name));
			}
		},
	};
}

function range(bytes: Buffer, options: unknown): Buffer {
	const { last } = (options as { range: { last: number } }).range;
	return bytes.subarray(Math.max(0, bytes.length - last));
}

test("everything is durable and findable before anything names it", async (t) => {
	const draw = randomFrom(newSeed(t));
	const { keys } = await scene(t);
	const small = { keys, memoryBudgetBytes: 16 * 1024 * 1024, packBytes: 3 * chunkBytes, threads: 0 };
	for (const encrypt of [true, false]) {
		const inner = memoryTarget();
		await (await createVault({ ...small, target: inner, chunkBytes, encrypt })).close();
		const identity = await readIdentity(inner, keys);
		const keyring = () => (identity as NonNullable<typeof identity>).keyring;
		const sleep = () => new Promise<void>((resolve) => setTimeout(resolve, draw(5)));
		const vault = await openVault({ ...small, target: watchedTarget(inner, keyring, sleep) });
		await Promise.all(
			["a", "b", "c"].map(async (id) => {
				const writer = await vault.writer({ sessionId: id });
				const refs = await Promise.all(
					[1, 2].map(async (n) => {
						const disk = await writer.disk({ sizeBytes: 3000 * chunkBytes });
						for (let i = 0; i < 20; i++) {
							await disk.write(i * 150 + n, content(`${draw(2) === 0 ? id : "all"} ${i}`, chunkBytes));
							if (draw(8) === 0) await writer.flush();
						}
						return disk.finish();
					}),
				);
				await writer.close();
				await vault.commitRoot(rootOf(id, refs));
			}),
		);
		await vault.close();
		t.true([...inner.objects.keys()].filter((key) => key.startsWith("packs/")).length > 15);
	}
});
