import test from "ava";
import { VaultError } from "#vault/errors.ts";
import type { Target } from "#vault/target.ts";
import { faultyTarget, targetDown } from "#vault/targets/faults.ts";
import { meteredTarget } from "#vault/targets/metered.ts";
import { readOnlyTarget } from "#vault/targets/read-only.ts";
import { retryingTarget } from "#vault/targets/retrying.ts";
import { throttledTarget } from "#vault/targets/throttled.ts";
import { memoryTarget } from "./memory-target.ts";
import { toArray } from "./scene.ts";

/** Time that passes only by sleeping. */
function ownTime() {
	const time = { ms: 0, sleeps: [] as number[] };
	return {
		time,
		nowMs: () => time.ms,
		sleep: async (ms: number) => {
			time.sleeps.push(Math.round(ms));
			time.ms += ms;
		},
	};
}

const bytes = (count: number) => [Buffer.alloc(count)];

test("a call that fails for a reason that may pass is repeated, later each time, and not for ever", async (t) => {
	const { time, nowMs, sleep } = ownTime();
	let failures = 3;
	const inner = memoryTarget();
	const shaky = faultyTarget(inner, () => (failures-- > 0 ? { before: targetDown() } : undefined));
	const target = retryingTarget(shaky, { nowMs, sleep, random: () => 0, firstPauseMs: 100 });
	await target.put("packs/ab", bytes(3));
	t.deepEqual(time.sleeps, [100, 200, 400]);
	failures = 99;
	await t.throwsAsync(target.get("packs/ab"), { code: "TARGET_UNREACHABLE" });
	t.is(time.sleeps.length, 3 + 4, "five attempts in all");
	failures = 0;
	await t.throwsAsync(target.get("packs/none"), { code: "NOT_FOUND" });
	t.is(time.sleeps.length, 7, "what will not pass is not repeated");
	failures = 99;
	const hasty = retryingTarget(shaky, { nowMs, sleep, random: () => 1, firstPauseMs: 1_000, deadlineMs: 600 });
	await t.throwsAsync(hasty.get("packs/ab"));
	t.deepEqual(time.sleeps.slice(7), [500], "jitter halves a pause; the deadline ends the rest");
});

test("a list that breaks is resumed behind what was handed out", async (t) => {
	const inner = memoryTarget();
	for (const name of ["a1", "b1", "c1", "d1"]) await inner.put(`packs/${name}`, bytes(1));
	let breaks = 2;
	const breaking: Target = {
		...inner,
		async *list(folder) {
			for await (const one of inner.list(folder)) {
				if (one.key.endsWith("c1") && breaks-- > 0) throw targetDown();
				yield one;
			}
		},
	};
	const target = retryingTarget(breaking, { ...ownTime(), random: Math.random });
	t.deepEqual(
		(await toArray(target.list("packs/"))).map(({ key }) => key),
		["packs/a1", "packs/b1", "packs/c1", "packs/d1"],
	);
});

test("bytes flow at the rate of the hour, both ways", async (t) => {
	const { time, nowMs, sleep } = ownTime();
	let minute = 9 * 60;
	const rates = [
		{ bytesPerSecond: 1_000, from: 8 * 60, to: 18 * 60 },
		{ bytesPerSecond: 10_000, from: 22 * 60, to: 6 * 60 },
	];
	const target = throttledTarget(memoryTarget(), { rates, nowMs, sleep, minuteOfDay: () => minute });
	await target.put("packs/ab", bytes(500));
	await target.get("packs/ab");
	t.is(time.ms, 1_000);
	minute = 23 * 60;
	await target.put("packs/ac", bytes(500));
	t.is(time.ms, 1_050);
	minute = 5 * 60;
	await target.get("packs/ac");
	t.is(time.ms, 1_100, "the window goes over midnight");
	minute = 20 * 60;
	await target.put("packs/ad", bytes(1_000_000));
	t.is(time.ms, 1_100, "outside all windows there is no limit");
});

test("figures count calls, failures, bytes and time; a read-only target refuses every change", async (t) => {
	const { time, nowMs } = ownTime();
	const inner = memoryTarget();
	const slow = faultyTarget(inner, ({ key }) => {
		time.ms += 5;
		return key === "packs/bad" ? { before: new VaultError("TARGET_FULL", "Full.") } : undefined;
	});
	const target = meteredTarget(slow, nowMs);
	await target.put("packs/ab", bytes(7));
	await target.get("packs/ab");
	await toArray(target.list("packs/"));
	await t.throwsAsync(target.put("packs/bad", bytes(7)));
	t.deepEqual(target.figures.put, { calls: 2, failures: 1, bytes: 7, ms: 10 });
	t.like(target.figures.get, { calls: 1, bytes: 7 });
	t.like(target.figures.list, { calls: 1, failures: 0, ms: 5 });

	const closed = readOnlyTarget(inner);
	await t.throwsAsync(closed.put("packs/ac", bytes(1)), { code: "TARGET_READ_ONLY" });
	await t.throwsAsync(closed.delete("packs/ab"), { code: "TARGET_READ_ONLY" });
	t.is((await closed.get("packs/ab")).length, 7);
});
