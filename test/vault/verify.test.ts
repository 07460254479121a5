import { readFile, unlink, writeFile } from "node:fs/promises";
import test from "ava";
import { isVaultError } from "#vault/errors.ts";
import type { ManifestRef } from "#vault/vault.ts";
import type { Damage, DamagedRange } from "#vault/verify/report.ts";
import { chunkBytes, content, newSeed, objectFiles, randomFrom, type Scene, scene, snapshot } from "./scene.ts";

const image = (name: string, chunks = 6) => content(name, chunks * chunkBytes);

async function threeSnapshots(s: Scene, encrypt = true) {
	const vault = await s.create({ encrypt });
	await snapshot(vault, "one", image("one"));
	await snapshot(vault, "two", Buffer.concat([image("one", 3), image("two", 3)]));
	await snapshot(vault, "three", Buffer.concat([Buffer.alloc(2 * chunkBytes), image("three", 2).subarray(5)]));
	return vault;
}

/** Every chunk that a full read of every snapshot cannot get, by snapshot. */
async function unreadable(s: Scene): Promise<Map<string, number[]>> {
	const vault = await s.open();
	const lost = new Map<string, number[]>();
	for (const id of ["one", "two", "three"]) {
		const chunks: number[] = [];
		const fails = async (work: () => Promise<unknown>) =>
			work().then(
				() => false,
				(error) => {
					if (isVaultError(error, "DAMAGED", "NOT_FOUND")) return true;
					throw error;
				},
			);
		const root = await vault.readRoot(id).catch(() => undefined);
		if (root === undefined) {
			lost.set(id, [-1]);
			continue;
		}
		const [manifest] = root.instances.flatMap(({ disks }) => disks.map((one) => one.manifest));
		const disk = await vault.disk(manifest as ManifestRef);
		for (let i = 0; i * chunkBytes < disk.sizeBytes; i++) if (await fails(() => disk.read(i))) chunks.push(i);
		if (chunks.length > 0) lost.set(id, chunks);
	}
	await vault.close();
	return lost;
}

const chunksOf = (ranges: DamagedRange[]) =>
	ranges.flatMap(({ offset, length }) =>
		Array.from({ length: Math.ceil(length / chunkBytes) }, (_, i) => offset / chunkBytes + i),
	);

/** What the damage says is lost, by snapshot; −1 for a root. */
function said(damage: Damage[]): Map<string, number[]> {
	const lost = new Map<string, Set<number>>();
	const of = (id: string) => lost.get(id) ?? lost.set(id, new Set()).get(id) ?? new Set();
	for (const { object, effects } of damage) {
		if (object.startsWith("roots/")) of(object.slice("roots/".length)).add(-1);
		for (const { snapshotId, ranges } of effects) for (const chunk of chunksOf(ranges)) of(snapshotId).add(chunk);
	}
	return new Map([...lost].map(([id, chunks]) => [id, [...chunks].sort((a, b) => a - b)]));
}

test("a whole vault has no damage, at any level", async (t) => {
	for (const encrypt of [true, false]) {
		const s = await scene(t);
		const vault = await threeSnapshots(s, encrypt);
		for (const level of ["metadata", "sample", "everything"] as const) {
			const report = await vault.verify({ level, share: 1 });
			t.like(report, { level, complete: true, cursor: undefined, snapshots: 3, damage: [] });
			if (level !== "metadata") t.is(report.packs.checked, report.packs.total);
			if (level !== "metadata") t.true(report.bytes > 10 * chunkBytes);
		}
		await vault.close();
	}
});

test("damage at random: everything that a full read cannot get is named, and nothing else", async (t) => {
	const seed = newSeed(t);
	const draw = randomFrom(seed);
	const rounds = Number(process.env.VAULT_VERIFY_ROUNDS ?? 30);
	let found = 0;
	for (let round = 0; round < rounds; round++) {
		const s = await scene(t);
		const vault = await threeSnapshots(s, draw(2) === 0);
		await vault.close();
		const files = (await objectFiles(s)).filter(({ key }) => /^(packs|index|roots)\//.test(key));
		for (let hits = 1 + draw(2); hits > 0; hits--) {
			const file = files[draw(files.length)] as (typeof files)[0];
			if (draw(5) === 0) {
				await unlink(file.path).catch(() => {});
				continue;
			}
			const bytes = await readFile(file.path).catch(() => undefined);
			if (bytes === undefined) continue;
			if (draw(4) === 0) await writeFile(file.path, bytes.subarray(0, draw(bytes.length)));
			else {
				const at = draw(bytes.length);
				bytes[at] = (bytes[at] as number) ^ (1 << draw(8));
				await writeFile(file.path, bytes);
			}
		}
		const opened = await s.open();
		const report = await opened.verify({ level: "everything" });
		await opened.close();
		const [lost, named] = [await unreadable(s), said(report.damage)];
		// A root that is gone without a trace is no snapshot any more; only one that does not read is damage.
		for (const [id, chunks] of lost) {
			if (chunks[0] === -1 && !report.damage.some(({ object }) => object === `roots/${id}`)) continue;
			t.deepEqual(named.get(id), chunks, `round ${round}: ${id} is ${JSON.stringify(report.damage)}`);
			found++;
		}
		for (const id of named.keys())
			t.true(lost.has(id), `round ${round}: ${id} reads: ${JSON.stringify(report.damage)}`);
	}
	t.log(`${found} damaged snapshots in ${rounds} rounds`);
	t.true(found > rounds / 10);
});

test("a chunk's damage names the snapshots, disks and ranges that need it", async (t) => {
	const s = await scene(t);
	const vault = await threeSnapshots(s);
	await vault.close();
	const first = (await objectFiles(s)).find(
		({ key, sizeBytes }) => key.startsWith("packs/") && sizeBytes > 6 * chunkBytes,
	);
	const bytes = await readFile(first?.path as string);
	bytes[64 + 100] = (bytes[64 + 100] as number) ^ 1;
	await writeFile(first?.path as string, bytes);
	const { damage } = await (await s.open()).verify({ level: "everything" });
	t.is(damage.length, 1);
	t.regex(damage[0]?.reason ?? "", /fails authentication/);
	const about = {
		instanceId: "instance",
		diskId: "disk-0",
		device: "vda",
		ranges: [{ offset: 0, length: chunkBytes }],
	};
	t.deepEqual(
		damage[0]?.effects.toSorted((a, b) => (a.snapshotId < b.snapshotId ? -1 : 1)),
		[
			{ snapshotId: "one", ...about },
			{ snapshotId: "two", ...about },
		],
	);
	t.deepEqual((await (await s.open()).verify({ level: "metadata" })).damage, [], "metadata does not read chunks");
});

test("a verification that is stopped goes on where it was, and is paced", async (t) => {
	const s = await scene(t);
	const vault = await threeSnapshots(s);
	const whole = await vault.verify({ level: "everything" });
	let paced = 0;
	const pace = async (bytes: number) => {
		paced += bytes;
	};
	let cursor: { after: string } | undefined;
	let [checked, calls] = [0, 0];
	do {
		const part = await vault.verify({ level: "everything", maxBytes: 1, cursor, pace });
		checked += part.packs.checked;
		cursor = part.cursor === undefined ? undefined : JSON.parse(JSON.stringify(part.cursor));
		t.is(part.complete, cursor === undefined);
		calls++;
	} while (cursor !== undefined);
	t.is(checked, whole.packs.total);
	t.true(calls > 2);
	t.is(paced, whole.bytes);
	await t.throwsAsync(vault.verify({ signal: AbortSignal.abort(new Error("stop")) }), { message: /stop/ });
	await t.throwsAsync(vault.verify({ level: "sample", share: 0 }), { code: "BAD_ARGUMENT" });
});

test("a verification goes on while snapshots are taken, deleted and collected", async (t) => {
	const s = await scene(t);
	const vault = await threeSnapshots(s);
	const rounds = Number(process.env.VAULT_VERIFY_ROUNDS ?? 5);
	const work = async () => {
		for (let i = 0; i < rounds; i++) {
			await snapshot(vault, `more${i}`, image(`more${i}`, 2));
			await vault.deleteRoot(`more${i}`);
			await vault.collect({ repackAbove: 0 });
		}
	};
	const check = async () => {
		for (let i = 0; i < rounds; i++) t.deepEqual((await (await s.open()).verify({ level: "everything" })).damage, []);
	};
	await Promise.all([work(), check()]);
});
