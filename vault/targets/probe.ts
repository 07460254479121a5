import { randomBytes } from "node:crypto";
import { isVaultError, VaultError } from "../errors.ts";
import type { Target, TargetCapabilities } from "../target.ts";

/** What a target was found to do. */
export type Probe = {
	capabilities: TargetCapabilities;
	/** One sentence for each thing that it does not do, and what follows from that. */
	warnings: string[];
};

/** Conditional puts of one key at the same time: enough that a store which only looks first is found out. */
const rivals = 8;
const rounds = 3;

/**
 * Tries what a target claims, with objects of its own that are gone afterwards: puts, reads of parts, lists, deletes, and
 * whether of several conditional puts at once exactly one wins. `make` gives the target with given claims. Throws where
 * something fails that no vault can do without.
 */
export async function probeTarget(make: (capabilities: Partial<TargetCapabilities>) => Target): Promise<Probe> {
	const target = make({ conditionalPut: true });
	const id = randomBytes(8).toString("hex");
	const folder = `probe-${id}/`;
	const keys = new Set<string>();
	const put = async (name: string, text: string, ifAbsent = false): Promise<void> => {
		keys.add(folder + name);
		await target.put(folder + name, [Buffer.from(text)], { ifAbsent });
	};
	try {
		await put("part", "0123456789");
		const part = Buffer.from(await target.get(`${folder}part`, { range: { offset: 3, length: 4 } })).toString();
		const end = Buffer.from(await target.get(`${folder}part`, { range: { last: 4 } })).toString();
		if (part !== "3456" || end !== "6789") {
			throw new VaultError("TARGET_FAILED", `The ${target.description} does not read parts of objects as it should.`);
		}
		const conditionalPut = await keepsCondition(put);
		const listAfterWrite = await listsAtOnce(target, folder, put, keys);
		const capabilities = { ...target.capabilities, conditionalPut, listAfterWrite };
		return { capabilities, warnings: warningsOf(target.description, capabilities) };
	} finally {
		for (const key of keys) await target.delete(key);
	}
}

async function keepsCondition(put: (name: string, text: string, ifAbsent: boolean) => Promise<void>): Promise<boolean> {
	for (let round = 0; round < rounds; round++) {
		const tries = Array.from({ length: rivals }, (_, i) => put(`once-${round}`, String(i), true));
		const outcomes = await Promise.allSettled(tries);
		for (const outcome of outcomes) {
			if (outcome.status === "fulfilled" || isVaultError(outcome.reason, "EXISTS")) continue;
			// A store that does not know the condition may refuse it as such.
			if (isVaultError(outcome.reason, "TARGET_FAILED")) return false;
			throw outcome.reason;
		}
		if (outcomes.filter(({ status }) => status === "fulfilled").length !== 1) return false;
	}
	return true;
}

async function listsAtOnce(
	target: Target,
	folder: string,
	put: (name: string, text: string) => Promise<void>,
	keys: Set<string>,
): Promise<boolean> {
	const listed = async () => {
		const found = new Set<string>();
		for await (const { key } of target.list(folder)) found.add(key);
		return found;
	};
	for (let round = 0; round < rounds; round++) {
		const name = `listed-${round}`;
		await put(name, "");
		if (!(await listed()).has(folder + name)) return false;
		await target.delete(folder + name);
		keys.delete(folder + name);
		if ((await listed()).has(folder + name)) return false;
	}
	return true;
}

function warningsOf(where: string, { conditionalPut, listAfterWrite }: TargetCapabilities): string[] {
	const warnings: string[] = [];
	if (!conditionalPut) {
		warnings.push(
			`The ${where} has no conditional put: whether a snapshot is committed or given up is decided by the database's fencing alone.`,
		);
	}
	if (!listAfterWrite) {
		warnings.push(`Lists of the ${where} may lag behind: no space of deleted snapshots can be collected on it.`);
	}
	return warnings;
}
