/** Long enough for what was handed to QEMU to reach the disk and for QEMU to be killed after it was asked to end. */
const longestMarginMs = 10_000;
/** Short leases are for tests and demos: there the margin must leave room for work. */
const marginShare = 0.2;

/**
 * How long from now a job may be worked on, in milliseconds: a lease counts from the moment its request was sent, and
 * the work ends a little before it, so that nothing of it is still on its way when another agent may begin.
 */
export const workingMs = (leaseMs: number, sinceSentMs: number): number =>
	Math.max(0, leaseMs - sinceSentMs - Math.min(longestMarginMs, leaseMs * marginShare));
