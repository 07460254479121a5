import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import fc from "fast-check";
import { isVaultError } from "#vault/errors.ts";
import { keyFromFile } from "#vault/keys.ts";
import { createVault, openVault } from "#vault/open.ts";
import { type Fault, faultyTarget, type TargetCall, targetDown } from "#vault/targets/faults.ts";
import type { ManifestRef, Vault } from "#vault/vault.ts";
import { memoryTarget } from "./memory-target.ts";
import { chunkBytes, newSeed, readAll, rootOf, scene } from "./scene.ts";

/**
 * Random backups, deletions, ends and collections, several at once, with the process dying before or after any call to
 * the target, against a model that is a map from snapshot to bytes. A snapshot that was committed reads back the same,
 * always, and when all is quiet a collection leaves nothing that no snapshot needs.
 */
const chunk = fc.oneof(
	{ weight: 4, arbitrary: fc.constant("keep" as const) },
	{ weight: 1, arbitrary: fc.constant("zero" as const) },
	{ weight: 4, arbitrary: fc.integer({ min: 1, max: 6 }) },
);
const backup = fc.record({
	chunks: fc.array(chunk, { minLength: 1, maxLength: 6 }),
	/** Bytes of the last chunk. */
	tail: fc.constantFrom(chunkBytes, 1, 777),
	/** Which of the snapshots that are there is the base; none when there is none or the number is 0. */
	base: fc.nat(4),
	flushAt: fc.nat(12),
	dieAt: fc.option(fc.nat(24), { freq: 2 }),
	dieAfter: fc.boolean(),
	resume: fc.boolean(),
	/** How wrong the writer's clock is. */
	hours: fc.constantFrom(-1, 0, 1),
	/** Steps that pass between the writer's start and its first chunk. */
	lag: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 4 }) }),
});
const collection = fc.record({
	kind: fc.constant("collect" as const),
	dieAt: fc.option(fc.nat(80), { freq: 2 }),
	dieAfter: fc.boolean(),
	/** Another process goes on with it. */
	again: fc.boolean(),
	repackAbove: fc.constantFrom(0, 0.5, 1),
	/** How wrong the collector's clock is. */
	hours: fc.constantFrom(-1, 0, 1),
});
const step = fc.oneof(
	{
		weight: 5,
		arbitrary: fc.record({
			kind: fc.constant("backups" as const),
			runs: fc.array(backup, { minLength: 1, maxLength: 2 }),
			/** Collections at the same time. */
			collections: fc.array(collection, { maxLength: 2 }),
		}),
	},
	{
		weight: 2,
		arbitrary: fc.record({ kind: fc.constant("delete" as const), which: fc.nat(9), dieAt: fc.option(fc.nat(4)) }),
	},
	{ weight: 2, arbitrary: collection },
);
type Backup = typeof backup extends fc.Arbitrary<infer T> ? T : never;
type Collection = typeof collection extends fc.Arbitrary<infer T> ? T : never;
type Committed = { image: Buffer; ref: ManifestRef };

const runs = Number(process.env.VAULT_MODEL_RUNS ?? (process.env.HOLDFAST_LONG === "1" ? 10_000 : 200));

test("committed snapshots read back the same, whatever happened in between", async (t) => {
	const s = await scene(t);
	await writeFile(join(s.folder, "model-key"), "7".repeat(64), { mode: 0o600 });
	const keys = keyFromFile(join(s.folder, "model-key"));
	const seed = newSeed(t) | 0;
	let deaths = 0;
	const happened = { deleted: 0, rescued: 0, repacked: 0, waited: 0 };

	await fc.assert(
		fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), fc.boolean(), async (steps, encrypt) => {
			const target = memoryTarget();
			const small = { keys, memoryBudgetBytes: 16 * 1024 * 1024, packBytes: 150_000, threads: 0 };
			await (await createVault({ ...small, target, chunkBytes, encrypt })).close();
			const model = new Map<string, Committed>();
			let nextId = 0;
			let stepNumber = 0;
			/** Writers that wait for a step to come. */
			const waiting: { until: number; go: () => void }[] = [];
			const stepAfter = (lag: number) =>
				lag === 0 ? undefined : new Promise<void>((go) => waiting.push({ until: stepNumber + lag, go }));
			const underWay: Promise<void>[] = [];

			/** A process: its target dies at a call, and every call after that fails too. */
			const open = (dieAt: number | null, after: boolean, hours = 0) => {
				let dead = false;
				const fault = (call: TargetCall): Fault => {
					if (dead) return { before: targetDown() };
					dead = call.number === dieAt;
					if (dead) deaths++;
					return dead ? (after ? { after: targetDown() } : { before: targetDown() }) : undefined;
				};
				// Two hours a step, so that there are packs which are older than a session by any clock.
				const now = () => new Date(Date.now() + (2 * stepNumber + hours) * 3_600_000);
				return openVault({ ...small, target: faultyTarget(target, fault), now });
			};

			async function collectOnce({ dieAt, dieAfter, again, repackAbove, hours }: Collection): Promise<void> {
				for (const at of again ? [dieAt, null] : [dieAt]) {
					const vault = await open(at, dieAfter, hours).catch(() => undefined);
					try {
						const report = await vault?.collect({ repackAbove, packBytes: small.packBytes });
						happened.deleted += report?.deleted.packs ?? 0;
						happened.rescued += report?.rescued ?? 0;
						happened.repacked += report?.repacked.packs ?? 0;
						if (report?.state === "waiting") happened.waited++;
					} catch (error) {
						if (!isVaultError(error, "TARGET_UNREACHABLE")) throw error;
					} finally {
						await vault?.close();
					}
				}
			}

			async function run(plan: Backup): Promise<void> {
				const id = `s${nextId++}`;
				const base = plan.base === 0 ? undefined : [...model.values()].at(-plan.base);
				const sizeBytes = (plan.chunks.length - 1) * chunkBytes + plan.tail;
				const image = Buffer.alloc(sizeBytes);
				if (base !== undefined) base.image.copy(image);
				for (const [i, what] of plan.chunks.entries()) {
					if (what !== "keep") image.subarray(i * chunkBytes, (i + 1) * chunkBytes).fill(what === "zero" ? 0 : what);
				}
				const packs: string[] = [];
				const attempts = plan.resume ? [plan.dieAt, null] : [plan.dieAt];
				for (const dieAt of attempts) {
					let vault: Vault | undefined;
					try {
						vault = await open(dieAt, plan.dieAfter, plan.hours);
						const onPackDurable = (pack: string) => void packs.push(pack);
						const writer = await vault.writer({ sessionId: id, adoptPacks: [...packs], onPackDurable });
						const disk = await writer.disk(base === undefined ? { sizeBytes } : { sizeBytes, base: base.ref });
						await stepAfter(plan.lag);
						for (const [i, what] of plan.chunks.entries()) {
							if (what === "zero") await disk.zero(i, 1);
							else if (what !== "keep") await disk.write(i, image.subarray(i * chunkBytes, (i + 1) * chunkBytes));
							if (i === plan.flushAt) await writer.flush();
						}
						const ref = await disk.finish();
						await vault.commitRoot(rootOf(id, [ref]));
						model.set(id, { image, ref });
						return;
					} catch (error) {
						// The base may have been deleted by now, and a lost reply may hide a commit: all else is a failure.
						if (isVaultError(error, "NOT_FOUND")) break;
						if (!isVaultError(error, "TARGET_UNREACHABLE", "SESSION_ENDED")) throw error;
						const there = target.objects.has(`roots/${id}`);
						if (there) {
							const survivor = await open(null, false);
							const root = await survivor.readRoot(id);
							await survivor.commitRoot(root); // As the caller repeats it: that ends the session.
							model.set(id, { image, ref: root.instances[0]?.disks[0]?.manifest as ManifestRef });
							await survivor.close();
							return;
						}
					} finally {
						await vault?.close();
					}
				}
				const cleaner = await open(null, false);
				await cleaner.endSession(id);
				await cleaner.close();
			}

			for (const one of steps) {
				stepNumber++;
				for (const writer of waiting) if (writer.until <= stepNumber) writer.go();
				if (one.kind === "backups") {
					const slow = one.runs.filter(({ lag }) => lag > 0).map(run);
					underWay.push(...slow);
					const quick = one.runs.filter(({ lag }) => lag === 0).map(run);
					await Promise.all([...quick, ...one.collections.map(collectOnce)]);
				} else if (one.kind === "collect") {
					await collectOnce(one);
				} else if (model.size > 0) {
					const id = [...model.keys()][one.which % model.size] as string;
					for (const dieAt of [one.dieAt, null]) {
						const vault = await open(dieAt, false).catch(() => undefined);
						await vault?.deleteRoot(id).catch(() => {});
						await vault?.close();
					}
					model.delete(id);
				}
			}

			stepNumber++;
			const last = setInterval(() => {
				for (const writer of waiting.splice(0)) writer.go();
			}, 1);
			await Promise.all(underWay).finally(() => clearInterval(last));
			const vault = await openVault({ ...small, target });
			const listed: string[] = [];
			for await (const { snapshotId } of vault.listRoots()) listed.push(snapshotId);
			if (listed.sort().join() !== [...model.keys()].sort().join())
				throw new Error(`listed ${listed}, not ${[...model.keys()]}`);
			for (const [id, { image }] of model) {
				const root = await vault.readRoot(id);
				const read = await readAll(await vault.disk(root.instances[0]?.disks[0]?.manifest as ManifestRef));
				if (!read.equals(image)) throw new Error(`${id} reads back different`);
			}
			if ((await vault.sessions()).length > 0) throw new Error("a session was left");
			for (let round = 0; round < 3; round++) await vault.collect({ repackAbove: 0, packBytes: small.packBytes });
			const left = await vault.collect({ plan: true });
			if (left.garbage.packs > 0 || left.state !== "planned")
				throw new Error(`garbage is left: ${JSON.stringify(left)}`);
			const packs = [...target.objects.keys()].filter((key) => key.startsWith("packs/"));
			if (packs.length !== left.live.packs)
				throw new Error(`${packs.length} packs, of which ${left.live.packs} are live`);
			const fresh = await openVault({ ...small, target });
			for (const [id, { image }] of model) {
				const root = await fresh.readRoot(id);
				const read = await readAll(await fresh.disk(root.instances[0]?.disks[0]?.manifest as ManifestRef));
				if (!read.equals(image)) throw new Error(`${id} reads back different after the collections`);
			}
			await fresh.close();
			await vault.close();
		}),
		{ numRuns: runs, seed, includeErrorInReport: true },
	);
	t.log(`${runs} runs, ${deaths} deaths; packs ${JSON.stringify(happened)}`);
	t.true(deaths > runs / 10);
	// Not from a handful of runs, but from many: each of them happens.
	if (runs >= 200) for (const what of ["deleted", "repacked", "waited"] as const) t.true(happened[what] > 0, what);
});
