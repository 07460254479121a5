import test from "ava";
import fc from "fast-check";
import { run } from "#demo/run.ts";
import { openStage } from "./stage.ts";

/** Each point is one kill in one snapshot; the transfer is slowed so that points fall all over it, and before and after. */
const points = 4;
const longestDelayMs = 3000;

test("an agent that is killed at random points goes on, and every snapshot restores", async (t) => {
	t.timeout(300_000);
	const seed = Number(process.env.HOLDFAST_SEED ?? Date.now() % 2 ** 31);
	t.log(`seed ${seed} (HOLDFAST_SEED repeats it)`);
	const delays = fc.sample(fc.integer({ min: 0, max: longestDelayMs }), { numRuns: points, seed });

	const stage = await openStage(t, { agent: { bandwidth_mib_per_s: 30 } });
	const instance = await stage.createInstance("kill");
	const workload = await stage.protect("kill", [instance]);
	for (const [round, delayMs] of delays.entries()) {
		for (const { path, format } of instance.disks) {
			await run("qemu-io", ["-f", format, "-c", `write -q -P ${round + 1} ${round * 50 + 3}M 6M`, path]);
		}
		const hashes = await stage.hash(instance.disks);
		const snapshot = await stage.snapshot(workload, round % 2 === 0);
		await new Promise((wake) => setTimeout(wake, delayMs));
		await stage.stack.killAgent();
		await stage.stack.startAgent();
		const ended = await stage.ended(`/snapshots/${snapshot}`, "snapshot");
		t.is(ended.status, "available", `killed after ${delayMs} ms: ${ended.error_msg}`);
		t.deepEqual(await stage.restore(snapshot), [hashes], `killed after ${delayMs} ms`);
	}
});
