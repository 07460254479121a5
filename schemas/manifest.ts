import { type Static, Type } from "typebox";
import { Bytes, Count, nullable } from "#schemas/primitive.ts";

/** Reference to one disk's content in a vault: `ManifestRef` of vault/vault.ts as it travels between the parts. */
export const ManifestReference = Type.Object({ sizeBytes: Bytes, chunkBytes: Count, page: nullable(Type.String()) });
export type ManifestReference = Static<typeof ManifestReference>;
