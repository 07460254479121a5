import { packFootBytes } from "../format/constants.ts";
import { packKey } from "../format/names.ts";
import { openPackIndex, readFoot } from "../format/pack.ts";
import type { Keyring } from "../keyring.ts";
import type { Target } from "../target.ts";

/** One read of this size gets the whole index of a pack of 2,300 records. */
const firstReadBytes = 64 * 1024;

/** A pack's own list of what is in it, verified. Throws NOT_FOUND and DAMAGED. */
export async function readPackIndex(target: Target, keyring: Keyring, packId: string): Promise<Buffer> {
	const key = packKey(packId);
	let end = await target.get(key, { range: { last: firstReadBytes } });
	const foot = readFoot(keyring, packId, end);
	const wanted = foot.indexBytes + packFootBytes;
	if (wanted > end.length) end = await target.get(key, { range: { last: wanted } });
	const section = end.subarray(Math.max(0, end.length - wanted), end.length - packFootBytes);
	return openPackIndex(keyring, packId, foot, section);
}
