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
 * Random backups, deletions and ends, several at once, with the process dying before or after any call to the target,
 * against a model that is a map from snapshot to bytes. A snapshot that was committed reads back the same, always.
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
});
const step = fc.oneof(
	{
		weight: 5,
		arbitrary: fc.record({
			kind: fc.constant("backups" as const),
			runs: fc.array(backup, { minLength: 1, maxLength: 2 }),
		}),
	},
	{
		weight: 1,
		arbitrary: fc.record({ kind: fc.constant("delete" as const), which: fc.nat(9), dieAt: fc.option(fc.nat(4)) }),
	},
);
type Backup = typeof backup extends fc.Arbitrary<infer T> ? T : never;
type Committed = { image: Buffer; ref: ManifestRef };

const runs = Number(process.env.VAULT_MODEL_RUNS ?? 200);

test("committed snapshots read back the same, whatever happened in between", async (t) => {
	const s = await scene(t);
	await writeFile(join(s.folder, "model-key"), "7".repeat(64), { mode: 0o600 });
	const keys = keyFromFile(join(s.folder, "model-key"));
	const seed = newSeed(t) | 0;
	let deaths = 0;

	await fc.assert(
		fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), fc.boolean(), async (steps, encrypt) => {
			const target = memoryTarget();
			const small = { keys, memoryBudgetBytes: 16 * 1024 * 1024, packBytes: 150_000, threads: 0 };
			await (await createVault({ ...small, target, chunkBytes, encrypt })).close();
			const model = new Map<string, Committed>();
			let nextId = 0;

			/** A process: its target dies at a call, and every call after that fails too. */
			const open = (dieAt: number | null, after: boolean) => {
				let dead = false;
				const fault = (call: TargetCall): Fault => {
					if (dead) return { before: targetDown() };
					dead = call.number === dieAt;
					if (dead) deaths++;
					return dead ? (after ? { after: targetDown() } : { before: targetDown() }) : undefined;
				};
				return openVault({ ...small, target: faultyTarget(target, fault) });
			};

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
						vault = await open(dieAt, plan.dieAfter);
						const onPackDurable = (pack: string) => void packs.push(pack);
						const writer = await vault.writer({ sessionId: id, adoptPacks: [...packs], onPackDurable });
						const disk = await writer.disk(base === undefined ? { sizeBytes } : { sizeBytes, base: base.ref });
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
				if (one.kind === "backups") {
					await Promise.all(one.runs.map(run));
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
			if ([...target.objects.keys()].some((key) => key.startsWith("sessions/"))) throw new Error("a session was left");
			await vault.close();
		}),
		{ numRuns: runs, seed, includeErrorInReport: true },
	);
	t.log(`${runs} runs, ${deaths} deaths`);
	t.true(deaths > runs / 10);
});
