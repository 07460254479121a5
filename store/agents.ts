import type { Collection, Db } from "mongodb";
import type { AgentDocument } from "#schemas/agent.ts";
import { isDuplicate } from "./duplicate.ts";
import type { Indexes } from "./indexes.ts";

/** An agent that has not reported for this long is Down. Several missed reports: they come every few seconds. */
export const agentDownAfterMs = 60_000;

export const agentIndexes: Indexes = [];

export const agents = (db: Db): Collection<AgentDocument> => db.collection("agents");

export type Heartbeat = Pick<AgentDocument, "_id" | "instance_id" | "version" | "targets" | "slots" | "running">;

/** Records that an agent is alive and what it can do. Safe to repeat. */
export async function recordHeartbeat(db: Db, { _id, ...fields }: Heartbeat, now: Date): Promise<AgentDocument> {
	const record = () =>
		agents(db).findOneAndUpdate(
			{ _id },
			{
				$set: { ...fields, last_seen_at: now },
				$setOnInsert: { disabled: false, disabled_reason: null, created_at: now },
			},
			{ upsert: true, returnDocument: "after" },
		);
	try {
		return (await record()) as AgentDocument;
	} catch (error) {
		// Two first reports of one host at once; the second time it is an update.
		if (!isDuplicate(error)) throw error;
		return (await record()) as AgentDocument;
	}
}

/** All agents by host name: as many as there are compute hosts. */
export async function listAgents(db: Db): Promise<AgentDocument[]> {
	return agents(db).find({}).sort({ _id: 1 }).toArray();
}

export async function readAgent(db: Db, host: string): Promise<AgentDocument | null> {
	return agents(db).findOne({ _id: host });
}

export const isUp = (agent: AgentDocument, now: Date): boolean =>
	now.getTime() - agent.last_seen_at.getTime() <= agentDownAfterMs;

/** Whether this agent would take a job now. */
export const serves = (agent: AgentDocument, host: string | null, targetId: string, now: Date): boolean =>
	!agent.disabled && isUp(agent, now) && (host === null || agent._id === host) && agent.targets.includes(targetId);
