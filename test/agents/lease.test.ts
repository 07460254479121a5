import test from "ava";
import fc from "fast-check";
import { workingMs } from "#agents/compute/lease.ts";

test("work ends before its lease does, however long the answer took", (t) => {
	t.is(workingMs(60_000, 0), 50_000, "ten seconds for what is under way");
	t.is(workingMs(60_000, 5_000), 45_000);
	t.is(workingMs(6_000, 0), 4_800, "a short lease keeps most of itself");
	t.is(workingMs(6_000, 7_000), 0);
	const lease = fc.integer({ min: 1, max: 3_600_000 });
	fc.assert(
		fc.property(lease, fc.nat({ max: 7_200_000 }), (leaseMs, sinceSentMs) => {
			const working = workingMs(leaseMs, sinceSentMs);
			return working >= 0 && (working === 0 || working + sinceSentMs < leaseMs);
		}),
	);
});
