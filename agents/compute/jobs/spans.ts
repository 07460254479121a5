/** Chunks `index … index + count − 1`, all to be read or all zero. */
export type Span = { index: number; count: number; zero: boolean };

type DiskExtent = { offset: number; length: number; zero: boolean; allocated: boolean };

/**
 * Cuts a disk's extents into spans that cover each of its chunks once, in order. A chunk with any byte that may not be
 * zero is read whole. Spans to read have at most `maxChunks`. Calls `onAllocated` with the bytes of allocated extents.
 */
export async function* chunkSpans(
	extents: AsyncIterable<DiskExtent>,
	{ sizeBytes, chunkBytes, maxChunks }: { sizeBytes: number; chunkBytes: number; maxChunks: number },
	onAllocated: (bytes: number) => void,
): AsyncGenerator<Span> {
	let next = 0;
	for await (const { offset, length, zero, allocated } of extents) {
		if (allocated) onAllocated(length);
		if (zero) continue;
		const first = Math.max(next, Math.floor(offset / chunkBytes));
		const end = Math.ceil((offset + length) / chunkBytes);
		if (first > next) yield { index: next, count: first - next, zero: true };
		for (let index = first; index < end; index += maxChunks) {
			yield { index, count: Math.min(maxChunks, end - index), zero: false };
		}
		next = Math.max(next, end);
	}
	const total = Math.ceil(sizeBytes / chunkBytes);
	if (total > next) yield { index: next, count: total - next, zero: true };
}
