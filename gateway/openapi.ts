import { readFileSync, writeFileSync } from "node:fs";
import type { TSchema } from "typebox";
import { type Document, parseDocument, type YAMLMap } from "yaml";
import { RestoreCreateBody, RestorePlan } from "#schemas/restore.ts";
import { SyncRequest, SyncResponse } from "#schemas/sync.ts";
import { SnapshotCreateBody, WorkloadChangeBody, WorkloadCreateBody } from "#schemas/workload.ts";
import { documentUrl } from "./document.ts";

/** The schemas of the document that come from `schemas/`: what is validated is what is documented. */
const generated: Record<string, TSchema> = {
	WorkloadCreateBody,
	WorkloadChangeBody,
	SnapshotCreateBody,
	RestoreCreateBody,
	RestorePlan,
	SyncRequest,
	SyncResponse,
};

/** Node's own formatting of long lines would change with their content; one line a value does not. */
const format = { lineWidth: 0, flowCollectionPadding: true } as const;

/** The document's text with the generated schemas brought up to date. Comments and hand-written parts stay as they are. */
export const render = (text: string): string => {
	const document: Document = parseDocument(text);
	const schemas = document.getIn(["components", "schemas"]) as YAMLMap;
	for (const name of Object.keys(generated)) schemas.delete(name);
	for (const [name, schema] of Object.entries(generated)) {
		// Through JSON, because TypeBox keeps things of its own on the objects.
		const node = document.createNode(JSON.parse(JSON.stringify(schema)), { aliasDuplicateObjects: false }) as YAMLMap;
		const pair = document.createPair(name, node);
		if (name === Object.keys(generated)[0]) {
			(pair.key as { commentBefore?: string }).commentBefore =
				" From here on generated: node gateway/openapi.ts --write";
		}
		schemas.add(pair);
	}
	return document.toString(format);
};

if (import.meta.main) {
	const text = readFileSync(documentUrl, "utf8");
	const fresh = render(text);
	if (process.argv.includes("--write")) writeFileSync(documentUrl, fresh);
	else if (fresh !== text) {
		console.error("gateway/openapi.yaml is not what schemas/ says; run: node gateway/openapi.ts --write");
		process.exitCode = 1;
	}
}
