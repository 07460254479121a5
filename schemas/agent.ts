import { type Static, Type } from "typebox";
import { Count, Moment, nullable } from "#schemas/primitive.ts";

/** A datamover agent. Collection `agents`, `_id` = the host name that Nova knows (`OS-EXT-SRV-ATTR:host`). */
export const AgentDocument = Type.Object(
	{
		_id: Type.String({ minLength: 1, maxLength: 255 }),
		/** New at every start of the process. */
		instance_id: Type.String(),
		version: Type.String(),
		targets: Type.Array(Type.String()),
		slots: Count,
		running: Count,
		disabled: Type.Boolean(),
		disabled_reason: nullable(Type.String()),
		last_seen_at: Moment,
		created_at: Moment,
	},
	{ additionalProperties: false },
);
export type AgentDocument = Static<typeof AgentDocument>;
