import type { Db } from "mongodb";
import { Fault } from "#schemas/fault.ts";
import { listAgents } from "#store/agents.ts";

/** The target of a workload that does not name one. */
export const defaultTarget = "default";

/** The target that a workload asks for: one that some agent has. Throws `Fault` BAD_REQUEST. */
export async function chooseTarget(db: Db, asked: string | undefined): Promise<string> {
	if (asked === undefined || asked === "" || asked === defaultTarget) return defaultTarget;
	const known = new Set((await listAgents(db)).flatMap((agent) => agent.targets));
	if (known.has(asked)) return asked;
	const problem = `there is no backup target ${asked}; known are ${[...known].sort().join(", ") || "none yet"}`;
	throw new Fault("BAD_REQUEST", { problem });
}
