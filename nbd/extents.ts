import type { NbdClient } from "./client.ts";
import type { Extent } from "./replies.ts";
import { allocationFlags } from "./wire.ts";

/** Asked for at a time: within 32 bits, and aligned to anything. */
const pageBytes = 2 ** 31;

/**
 * The extents of a whole disk in one context, in order, without gaps or overlaps, neighbours of equal flags merged.
 * Memory is bounded by one answer of the server.
 */
export async function* diskExtents(
	client: Pick<NbdClient, "sizeBytes" | "blockStatus">,
	context: string,
): AsyncGenerator<Extent> {
	let run: Extent | undefined;
	for (let offset = 0; offset < client.sizeBytes; ) {
		for (const extent of await client.blockStatus(context, offset, Math.min(pageBytes, client.sizeBytes - offset))) {
			const length = Math.min(extent.length, client.sizeBytes - extent.offset);
			if (length <= 0) break;
			offset = extent.offset + length;
			if (run?.flags === extent.flags) run.length += length;
			else {
				if (run) yield run;
				run = { offset: extent.offset, length, flags: extent.flags };
			}
		}
	}
	if (run) yield run;
}

/** The whole disk in order, in the words of a disk source: what reads as zero, and what takes space. */
export async function* allocation(
	client: NbdClient,
): AsyncIterable<{ offset: number; length: number; zero: boolean; allocated: boolean }> {
	for await (const { offset, length, flags } of diskExtents(client, "base:allocation")) {
		const zero = (flags & allocationFlags.zero) !== 0;
		yield { offset, length, zero, allocated: (flags & allocationFlags.hole) === 0 };
	}
}
