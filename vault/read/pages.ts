import { recordTypes } from "../format/constants.ts";
import { type Child, decodePage, maxPageBytes, type Page } from "../format/page.ts";
import type { Records } from "./records.ts";

/** Verified pages, the most recently used ones kept. */
export type Pages = { read(child: Child, level: number): Promise<Page> };

/** A page in memory, with the table of its slots. */
const pageCostBytes = 32 * 1024;

export function newPages(records: Records, budgetBytes: number): Pages {
	const cache = new Map<string, Promise<Page>>();
	const most = Math.max(8, Math.floor(budgetBytes / pageCostBytes));
	return {
		read(child, level) {
			// The level is part of the key: a page that is asked for at a wrong level must fail each time.
			const key = level + Buffer.from(child.name).toString("latin1");
			let page = cache.get(key);
			if (page === undefined) {
				page = records
					.read({ type: recordTypes.page, child, maxPlainBytes: maxPageBytes })
					.then(({ plain, object }) => decodePage(object, plain, level));
				page.catch(() => cache.delete(key));
				if (cache.size >= most) cache.delete(cache.keys().next().value as string);
			} else {
				cache.delete(key);
			}
			cache.set(key, page);
			return page;
		},
	};
}
