import { type Static, Type } from "typebox";
import { Count, KeystoneId, Moment, nullable, Uuid } from "#schemas/primitive.ts";

export const runKinds = ["snapshot", "restore", "delete-snapshot", "collect-vault"] as const;
export type RunKind = (typeof runKinds)[number];

export const runStates = ["active", "done", "failed"] as const;

/**
 * One long operation, advanced a step at a time by `functions/orchestrator`. Collection `runs`. `_id` is
 * `<kind>:<subject id>`, so starting twice is one run. `available_at` is when it wants to be looked at again and,
 * while an activation holds it, when that hold ends.
 */
export const RunDocument = Type.Object(
	{
		_id: Type.String(),
		kind: Type.Enum([...runKinds]),
		project_id: KeystoneId,
		workload_id: Uuid,
		/** Snapshot id, or restore id; `<target>/<project>/<stretch of time>` for a vault. */
		subject_id: Type.String(),
		state: Type.Enum([...runStates]),
		step: Type.String(),
		/** When it came to this step: what a step's time limit counts from. */
		step_at: Moment,
		/** Why the run is on its way to `failed`; null while all is well. */
		error_msg: nullable(Type.String()),
		cancel_requested: Type.Boolean(),
		available_at: Moment,
		lease_token: nullable(Type.String()),
		/** Raised by every nudge; a holder that sees it raised at release goes on at once. */
		nudges: Count,
		attempts: Count,
		created_at: Moment,
		updated_at: Moment,
	},
	{ additionalProperties: false },
);
export type RunDocument = Static<typeof RunDocument>;
