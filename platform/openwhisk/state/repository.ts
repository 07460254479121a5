import type { ActivationRecord } from "../activations/record.ts";
import type { Entity, EntityKind, EntityOf } from "./entity.ts";

export type EntityFilter = { namespace: string; package?: string };
export type ActivationFilter = { namespace: string; name?: string; sinceMs?: number; uptoMs?: number };
export type Range = { skip: number; limit: number };

/**
 * Where the platform keeps its state. Entities are single documents with compare-and-set on `rev`; names are unique over
 * all kinds. Code is immutable under its id. Activations are written once, after they have finished.
 */
export type Repository = {
	/** By `entityId`, whatever its kind. */
	findEntity(id: string): Promise<Entity | undefined>;
	/** Newest change first. Without `package` in the filter: all packages of the namespace. */
	listEntities<Kind extends EntityKind>(kind: Kind, filter: EntityFilter): Promise<EntityOf<Kind>[]>;
	/** False when the name is taken. */
	insertEntity(entity: Entity): Promise<boolean>;
	/** False when the stored `rev` is no longer `oldRev`. */
	replaceEntity(entity: Entity, oldRev: string): Promise<boolean>;
	/** False when the stored `rev` is no longer `rev`, or the entity is gone. */
	deleteEntity(id: string, rev: string): Promise<boolean>;

	putCode(codeId: string, code: string): Promise<void>;
	/** Undefined when it has been deleted (the action was updated meanwhile). */
	getCode(codeId: string): Promise<string | undefined>;
	/** Safe to repeat. */
	deleteCode(codeId: string): Promise<void>;

	/** Safe to repeat. */
	putActivation(record: ActivationRecord): Promise<void>;
	findActivation(namespace: string, activationId: string): Promise<ActivationRecord | undefined>;
	/** Newest start first. */
	listActivations(filter: ActivationFilter, range: Range): Promise<ActivationRecord[]>;
	countActivations(filter: ActivationFilter): Promise<number>;
	/** Deletes all but the newest `keep` records. Safe to repeat. */
	trimActivations(keep: number): Promise<void>;

	close(): Promise<void>;
};
