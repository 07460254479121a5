import type { KeyValue } from "../api/parameters.ts";

type Common = {
	namespace: string;
	name: string;
	version: string;
	publish: boolean;
	annotations: KeyValue[];
	/** Epoch milliseconds of the last change. */
	updated: number;
	/** Changes with every write; the compare-and-set of updates. */
	rev: string;
};

export type ActionLimits = { timeout: number; memory: number; logs: number; concurrency: number };

export type ActionEntity = Common & {
	kind: "action";
	package?: string;
	parameters: KeyValue[];
	/** The code itself is kept apart, under `codeId`. */
	exec: { kind: string; main?: string; binary: boolean };
	codeId: string;
	limits: ActionLimits;
};

export type PackageEntity = Common & { kind: "package"; parameters: KeyValue[] };

export type RuleStatus = "active" | "inactive";

/** A trigger holds the state of its rules: firing reads one document. */
export type TriggerRule = { rule: string; action: { path: string; name: string }; status: RuleStatus };

export type TriggerEntity = Common & { kind: "trigger"; parameters: KeyValue[]; rules: TriggerRule[] };

export type RuleEntity = Common & {
	kind: "rule";
	trigger: { path: string; name: string };
	action: { path: string; name: string };
};

export type Entity = ActionEntity | PackageEntity | TriggerEntity | RuleEntity;
export type EntityKind = Entity["kind"];
export type EntityOf<Kind extends EntityKind> = Extract<Entity, { kind: Kind }>;
