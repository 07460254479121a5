/** T4O's timestamps: UTC, no zone, six digits that its clients expect to be zeros (spec of its test suite). */
export function timestamp(moment: Date): string {
	return `${moment.toISOString().slice(0, 19)}.000000`;
}

export const timestampOrNull = (moment: Date | null): string | null => (moment === null ? null : timestamp(moment));

/** OpenStack's `links` of one object; `path` is below `/v1`. */
export function linksOf(url: URL, projectId: string, path: string): { rel: string; href: string }[] {
	return [
		{ rel: "self", href: `${url.origin}/v1/${projectId}/${path}` },
		{ rel: "bookmark", href: `${url.origin}/${projectId}/${path}` },
	];
}

/** How far something is, in whole percent. 100 only at the end, so that nobody stops waiting too early. */
export function percentOf(done: number, size: number, ended: boolean): number {
	if (ended) return 100;
	return size === 0 ? 0 : Math.min(99, Math.floor((100 * done) / size));
}

/** Whole seconds from the start to the end, or until now. */
export function secondsTaken(created: Date, finished: Date | null, now: Date): number {
	return Math.max(0, Math.round(((finished ?? now).getTime() - created.getTime()) / 1_000));
}

/** T4O's metadata rows. */
export const metadataRows = (metadata: Record<string, string>): { key: string; value: string }[] =>
	Object.entries(metadata).map(([key, value]) => ({ key, value }));
