import test from "ava";
import { readIdentity } from "#vault/config.ts";
import { objectTypes } from "#vault/format/constants.ts";
import { openDocument, peekType } from "#vault/format/documents.ts";
import { openObject } from "#vault/format/envelope.ts";
import { decodeIndex } from "#vault/format/index-object.ts";
import type { Keyring } from "#vault/keyring.ts";
import { createVault, openVault } from "#vault/open.ts";
import type { Target } from "#vault/target.ts";
import { memoryTarget } from "./memory-target.ts";
import { backUp, chunkBytes, content, readSnapshot, rootOf, scene, snapshot } from "./scene.ts";

type Memory = ReturnType<typeof memoryTarget>;

/**
 * The order of deletion and collection in docs/format.md, checked at each call: what a step builds on must be durable
 * before it. Puts and deletes take their time, so that whatever does not wait for one is too early.
 */
function watchedTarget(inner: Memory, keyring: Keyring, check: () => Promise<void>): Target {
	const keys = (folder: string) => [...inner.objects.keys()].filter((key) => key.startsWith(folder));
	const there = (key: string) => inner.objects.has(key);
	const bytes = (key: string) => inner.objects.get(key) as Buffer;
	const condemned = (key: string) => openDocument(keyring, "condemned", key, bytes(key));
	const listed = (key: string, body = bytes(key)) =>
		decodeIndex(key, openObject(keyring, objectTypes.index, key, body)).map(({ id }) => id);
	const need = (holds: boolean, sentence: string) => {
		if (!holds) throw new Error(sentence);
	};
	let inFlight = 0;
	let lastSurvey = "";
	/** What was condemned, durably, when sessions were last listed. */
	let condemnedAtAsking: string[] = [];

	function beforePut(key: string, body: Buffer): void {
		const id = key.slice(key.indexOf("/") + 1);
		if (key.startsWith("condemned/")) need(inFlight === 0, "condemned while something is on its way");
		if (key.startsWith("index/")) {
			for (const pack of listed(key, body)) need(there(`packs/${pack}`), "an index object before its packs");
		}
		if (key.startsWith("roots/")) need(there(`sessions/${id}`), "a root, or an end mark, without its session");
		if (key.endsWith("-waits")) {
			need(
				condemnedAtAsking.includes(key.slice(0, -"-waits".length)),
				"asked who is alive before packs were condemned",
			);
		}
		if (!key.endsWith("-done")) return;
		const group = key.slice(0, -"-done".length);
		const main = there(`${group}-kept`) ? `${group}-kept` : group;
		for (const pack of condemned(main).packs) need(!there(`packs/${pack}`), "done before the packs are gone");
	}

	function beforeDelete(key: string): void {
		const id = key.slice(key.indexOf("/") + 1);
		if (key.startsWith("sessions/") && !id.startsWith("read-")) need(there(`roots/${id}`), "a session before its root");
		if (key.startsWith("roots/") && peekType(bytes(key)) === objectTypes.root) {
			need(there(`deleted/${id}`), "a root before its tombstone");
		}
		if (key.startsWith("condemned/")) need(there(`${key}-kept`), "a condemned object before what replaces it");
		const barred = new Set(keys("condemned/").flatMap((one) => condemned(one).packs));
		const others = new Set(
			keys("index/")
				.filter((one) => one !== key)
				.flatMap((one) => listed(one)),
		);
		if (key.startsWith("packs/")) {
			need(barred.has(id), "a pack that nobody condemned");
			need(!others.has(id), "a pack before the index objects that list it");
			need(!there("sessions/running"), "a pack before a session that may rely on it");
		}
		if (!key.startsWith("index/") || !there(key)) return;
		need(inFlight === 0, "an index object while its successor is on its way");
		for (const pack of listed(key)) {
			need(others.has(pack) || barred.has(pack) || !there(`packs/${pack}`), "an index object before its successor");
		}
	}

	async function change(work: () => Promise<void>): Promise<void> {
		for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
		await work();
		await check();
	}

	return {
		...inner,
		async put(key, body, options) {
			beforePut(key, Buffer.concat(body));
			inFlight++;
			await change(() => inner.put(key, body, options)).finally(() => inFlight--);
		},
		async delete(key) {
			beforeDelete(key);
			await change(() => inner.delete(key));
		},
		async *list(folder) {
			if (folder === "sessions/") condemnedAtAsking = keys("condemned/");
			if (folder === "deleted/") need(lastSurvey === "roots/", "tombstones were listed before roots");
			if (folder === "roots/" || folder === "deleted/") lastSurvey = folder;
			yield* inner.list(folder);
		},
	};
}

const image = (...names: string[]) => Buffer.concat(names.map((name) => content(name, 2 * chunkBytes)));

test("at every step of deletion, collection and repack, what it builds on is durable and every snapshot reads", async (t) => {
	const { keys } = await scene(t);
	const small = { keys, memoryBudgetBytes: 16 * 1024 * 1024, packBytes: 3 * chunkBytes, threads: 0 };
	const inner = memoryTarget();
	await (await createVault({ ...small, target: inner, chunkBytes })).close();
	const identity = (await readIdentity(inner, keys)) as NonNullable<Awaited<ReturnType<typeof readIdentity>>>;
	const there = new Map<string, Buffer>();
	let checks = 0;

	/** What a process sees that starts at this instant: as after a crash here. */
	async function everythingReads(): Promise<void> {
		const frozen = memoryTarget();
		for (const [key, bytes] of inner.objects) frozen.objects.set(key, bytes);
		const fresh = await openVault({ ...small, target: frozen });
		for (const [id, bytes] of there) {
			if (!Buffer.concat(await readSnapshot(fresh, id)).equals(bytes)) throw new Error(`${id} reads back different`);
		}
		await fresh.close();
		checks++;
	}

	const target = watchedTarget(inner, identity.keyring, everythingReads);
	/** Two hours later each time, so that no pack is spared for its youth. */
	let hours = 0;
	const open = () => openVault({ ...small, target, now: () => new Date(Date.now() + hours * 3_600_000) });
	const at = async <T>(work: (vault: Awaited<ReturnType<typeof open>>) => Promise<T>): Promise<T> => {
		hours += 2;
		const vault = await open();
		return work(vault).finally(() => vault.close());
	};

	for (const [id, bytes] of [
		["kept", image("a", "b")],
		["victim", image("b", "c", "d", "e")],
		["base", image("f", "g", "h")],
		["thin", image("d")],
	] as const) {
		await at((vault) => snapshot(vault, id, bytes));
		there.set(id, bytes);
	}
	hours += 2;
	const running = await open();
	const ref = await backUp(running, "running", image("c"));
	await at(async (vault) => {
		there.delete("victim");
		await vault.deleteRoot("victim");
		const report = await vault.collect({ repackAbove: 0.2, packBytes: small.packBytes });
		t.is(report.state, "waiting");
	});
	await running.commitRoot(rootOf("running", [ref]));
	there.set("running", image("c"));
	await running.close();
	await at(async (vault) => {
		const report = await vault.collect({ repackAbove: 0.2, packBytes: small.packBytes });
		t.is(report.state, "done");
		t.true(report.rescued > 0 && report.deleted.packs > 0, JSON.stringify(report));
	});
	await at(async (vault) => {
		await backUp(vault, "lost", image("lost"));
		await vault.endSession("lost");
		there.delete("base");
		await vault.deleteRoot("base");
		const report = await vault.collect({ repackAbove: 0, packBytes: small.packBytes });
		t.true(report.deleted.packs > 0 && report.repacked.packs > 0, JSON.stringify(report));
	});
	t.is(there.size, 3);
	t.log(`${checks} instants`);
});

test("a writer asks what is condemned once its session is durable, and reads the index after that", async (t) => {
	const { keys } = await scene(t);
	const inner = memoryTarget();
	await (await createVault({ target: inner, keys, chunkBytes, threads: 0 })).close();
	const seen: string[] = [];
	const target: Target = {
		...inner,
		async put(key, body, options) {
			for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
			await inner.put(key, body, options);
			seen.push(key.slice(0, key.indexOf("/") + 1));
		},
		list(folder) {
			seen.push(folder);
			return inner.list(folder);
		},
	};
	const vault = await openVault({ target, keys, threads: 0 });
	seen.length = 0;
	await (await vault.writer({ sessionId: "asks" })).close();
	t.deepEqual(seen, ["sessions/", "condemned/", "index/"]);
	await vault.close();
});
