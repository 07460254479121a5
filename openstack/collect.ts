/** All of a listing in one array. For listings whose size is bounded by a project, not for a whole cloud. */
export async function collect<T>(listing: AsyncIterable<T>): Promise<T[]> {
	const items: T[] = [];
	for await (const item of listing) items.push(item);
	return items;
}
