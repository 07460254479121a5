import { type ActivationRecord, qualifiedName } from "../activations/record.ts";
import { entityId } from "../api/names.ts";
import type { Entity, EntityKind, EntityOf } from "./entity.ts";
import type { ActivationFilter, Repository } from "./repository.ts";

/** State that ends with the process (`--store-uri memory:`): for a throw-away platform, and nothing else. */
export function openMemoryRepository(): Repository {
	const entities = new Map<string, string>();
	const codes = new Map<string, string>();
	const activations = new Map<string, ActivationRecord>();

	const read = (id: string): Entity | undefined => {
		const body = entities.get(id);
		return body === undefined ? undefined : JSON.parse(body);
	};
	const newestFirst = (filter: ActivationFilter) =>
		[...activations.values()].filter((record) => matches(record, filter)).sort((a, b) => b.start - a.start);

	return {
		findEntity: async (id) => read(id),
		async listEntities<Kind extends EntityKind>(kind: Kind, filter: { namespace: string; package?: string }) {
			const all = [...entities.keys()].map((id) => read(id) as Entity);
			return all
				.filter((entity): entity is EntityOf<Kind> => entity.kind === kind && entity.namespace === filter.namespace)
				.filter(
					(entity) => filter.package === undefined || ("package" in entity ? entity.package : "") === filter.package,
				)
				.sort((a, b) => b.updated - a.updated);
		},
		async insertEntity(entity) {
			if (entities.has(entityId(entity))) return false;
			entities.set(entityId(entity), JSON.stringify(entity));
			return true;
		},
		async replaceEntity(entity, oldRev) {
			if (read(entityId(entity))?.rev !== oldRev) return false;
			entities.set(entityId(entity), JSON.stringify(entity));
			return true;
		},
		deleteEntity: async (id, rev) => read(id)?.rev === rev && entities.delete(id),

		async putCode(codeId, code) {
			codes.set(codeId, code);
		},
		getCode: async (codeId) => codes.get(codeId),
		async deleteCode(codeId) {
			codes.delete(codeId);
		},

		async putActivation(record) {
			activations.set(record.activationId, structuredClone(record));
		},
		async findActivation(namespace, activationId) {
			const record = activations.get(activationId);
			return record?.namespace === namespace ? record : undefined;
		},
		listActivations: async (filter, { skip, limit }) => newestFirst(filter).slice(skip, skip + limit),
		countActivations: async (filter) => newestFirst(filter).length,
		async trimActivations(keep) {
			const oldest = [...activations.values()].sort((a, b) => b.start - a.start)[keep];
			for (const [id, { start }] of activations) if (oldest && start <= oldest.start) activations.delete(id);
		},
		close: async () => {},
	};
}

function matches(record: ActivationRecord, { namespace, name, sinceMs, uptoMs }: ActivationFilter): boolean {
	if (record.namespace !== namespace) return false;
	if (name !== undefined && name !== (name.includes("/") ? qualifiedName(record) : record.name)) return false;
	return record.start >= (sinceMs ?? 0) && record.start <= (uptoMs ?? Number.POSITIVE_INFINITY);
}
