import { isVaultError } from "../errors.ts";
import { fanOut } from "../format/constants.ts";
import type { RootDocument } from "../format/documents.ts";
import type { Child } from "../format/page.ts";
import { chunkCount, firstChildOf, topLevel } from "../format/shape.ts";
import type { Pages } from "../read/pages.ts";
import type { ManifestRef } from "../vault.ts";
import type { DamagedRange, Effect } from "./report.ts";

/** Tells whether a page or chunk cannot be read. */
export type IsBad = (child: Child) => Promise<boolean>;

/**
 * Which disks and ranges of a snapshot need one of the records that are damaged. A page that does not read takes all
 * that is below it with it.
 */
export async function traceRoot(
	{ root, packs }: RootDocument,
	pages: Pages,
	isBad: IsBad,
	report: (name: Uint8Array, effect: Omit<Effect, "ranges">, range: DamagedRange) => void,
): Promise<void> {
	for (const { instanceId, disks } of root.instances) {
		for (const { diskId, device, manifest } of disks) {
			const about = { snapshotId: root.snapshotId, instanceId, diskId, device };
			const hint = manifest.page === null ? undefined : packs[manifest.page];
			await traceDisk(manifest, hint, pages, isBad, (name, range) => report(name, about, range));
		}
	}
}

async function traceDisk(
	{ sizeBytes, chunkBytes, page }: ManifestRef,
	hint: string | undefined,
	pages: Pages,
	isBad: IsBad,
	report: (name: Uint8Array, range: DamagedRange) => void,
): Promise<void> {
	const chunks = chunkCount(sizeBytes, chunkBytes);
	const rangeOf = (first: number, count: number): DamagedRange => {
		const offset = first * chunkBytes;
		return { offset, length: Math.min(count * chunkBytes, sizeBytes - offset) };
	};

	async function below(level: number, index: number, child: Child) {
		const covered = fanOut ** (level + 1);
		const first = index * covered;
		if (first >= chunks) return;
		let read: Awaited<ReturnType<Pages["read"]>>;
		try {
			if (await isBad(child)) return report(child.name, rangeOf(first, covered));
			read = await pages.read(child, level);
		} catch (error) {
			if (!isVaultError(error, "NOT_FOUND", "DAMAGED")) throw error;
			return report(child.name, rangeOf(first, covered));
		}
		for (let slot = 0; slot < fanOut; slot++) {
			const next = read.child(slot);
			if (next === undefined) continue;
			if (level > 0) await below(level - 1, firstChildOf(index) + slot, next);
			else if (await isBad(next)) report(next.name, rangeOf(first + slot, 1));
		}
	}

	if (page !== null) await below(topLevel(chunks), 0, { name: Buffer.from(page, "hex"), pack: hint });
}

/** Adds a range to those of an effect, joined to the last one where it follows it. */
export function addRange(ranges: DamagedRange[], range: DamagedRange): void {
	const last = ranges.at(-1);
	if (last !== undefined && last.offset + last.length === range.offset) last.length += range.length;
	else ranges.push({ ...range });
}
