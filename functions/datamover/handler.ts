import { serve } from "#functions/adapter/routes.ts";
import { list } from "./list.ts";
import { sync } from "./sync.ts";

/** The agents' API. */
export const datamover = serve([
	{ method: "POST", path: "/v2/agents/:host/sync", access: "agent", rule: "datamover:agent_sync", answer: sync },
	{ method: "GET", path: "/v2/agents", access: "operator", rule: "datamover:agent_get_all", answer: list },
]);
