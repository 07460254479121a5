import type { Collection, Document, Filter } from "mongodb";

/** A page never has more rows: OpenWhisk carries at most 1 MiB. */
export const largestPage = 500;
export const defaultPage = 100;

export type PageOptions = {
	limit: number;
	/** `_id` of the last row of the page before; its document must still be in the list. */
	marker?: string | undefined;
	/** Only rows created in this time, both ends included. */
	from?: Date | undefined;
	to?: Date | undefined;
};

/** The marker names nothing that this list contains. */
export class UnknownMarker extends Error {
	override readonly name = "UnknownMarker";
}

type Listed = Document & { _id: string; created_at: Date };

/**
 * One page, newest first (`created_at`, then `_id`, both falling), starting behind the marker. Rows that are added or
 * removed meanwhile neither repeat nor hide others. Two index-ordered reads instead of an `$or`. `filter` says nothing
 * about `created_at`. Throws `UnknownMarker`.
 */
export async function readPage<T extends Listed>(
	collection: Collection<T>,
	filter: Filter<T>,
	{ limit, marker, from, to }: PageOptions,
): Promise<T[]> {
	const count = Math.min(Math.max(1, limit), largestPage);
	const read = (more: Record<string, unknown>, wanted: number): Promise<T[]> =>
		collection
			.find({ ...filter, ...more } as Filter<T>)
			.sort({ created_at: -1, _id: -1 })
			.limit(wanted)
			.toArray() as Promise<T[]>;
	const since = from && { $gte: from };
	if (marker === undefined) {
		const range = { ...since, ...(to && { $lte: to }) };
		return read(Object.keys(range).length === 0 ? {} : { created_at: range }, count);
	}
	const last = await collection.findOne({ ...filter, _id: marker } as Filter<T>);
	if (last === null) throw new UnknownMarker(marker);
	const { created_at } = last as unknown as Listed;
	const sameMoment = await read({ created_at, _id: { $lt: marker } }, count);
	if (sameMoment.length === count) return sameMoment;
	return [...sameMoment, ...(await read({ created_at: { $lt: created_at, ...since } }, count - sameMoment.length))];
}
