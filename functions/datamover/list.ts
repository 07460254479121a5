import { answerJson } from "#functions/adapter/answer.ts";
import type { Call } from "#functions/adapter/routes.ts";
import { timestamp } from "#functions/adapter/view.ts";
import { isUp, listAgents } from "#store/agents.ts";

/** All agents, Up or Down. */
export async function list({ context }: Call): Promise<Response> {
	const now = context.now();
	const agents = (await listAgents(await context.database())).map((agent) => ({
		host: agent._id,
		status: isUp(agent, now) ? "Up" : "Down",
		disabled: agent.disabled,
		disabled_reason: agent.disabled_reason,
		version: agent.version,
		targets: agent.targets,
		slots: agent.slots,
		running: agent.running,
		last_seen_at: timestamp(agent.last_seen_at),
		created_at: timestamp(agent.created_at),
	}));
	return answerJson(200, { agents });
}
