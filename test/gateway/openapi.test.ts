import { readFileSync } from "node:fs";
import { Ajv } from "ajv";
import test from "ava";
import { parse } from "yaml";
import { documentUrl, methods, readDocument } from "#gateway/document.ts";
import { render } from "#gateway/openapi.ts";
import { ownAnswers } from "#gateway/own.ts";
import { compileRoutes } from "#gateway/route.ts";

const text = readFileSync(documentUrl, "utf8");
const document = readDocument();

test("the document's schemas are those of schemas/ (node gateway/openapi.ts --write)", (t) => {
	t.true(render(text) === text, "gateway/openapi.yaml is stale; run: node gateway/openapi.ts --write");
});

test("a document that differs from schemas/ is noticed", (t) => {
	t.not(render(text.replace(/maxItems: 1000/, "maxItems: 999")), text.replace(/maxItems: 1000/, "maxItems: 999"));
});

test("every reference leads somewhere and every schema compiles", (t) => {
	const references = [...text.matchAll(/\$ref: "#\/([^"]+)"/g)].map((match) => match[1] as string);
	t.true(references.length > 50);
	for (const reference of references) {
		let found: unknown = document;
		for (const part of reference.split("/")) found = (found as Record<string, unknown> | undefined)?.[part];
		t.truthy(found, reference);
	}
	const ajv = new Ajv({ strict: true, strictTypes: false, allowUnionTypes: true });
	ajv.addVocabulary(["components"]);
	ajv.addSchema({ $id: "api", components: document.components }, undefined, undefined, false);
	for (const name of Object.keys(document.components.schemas)) {
		t.notThrows(() => ajv.compile({ $ref: `api#/components/schemas/${name}` }), name);
	}
});

test("every operation is complete: an id of its own, declared path parameters, an error answer", (t) => {
	const ids = new Set<string>();
	const parameters = (document.components as unknown as { parameters: Record<string, { name: string }> }).parameters;
	for (const [path, item] of Object.entries(document.paths)) {
		const declared = ((item as { parameters?: { $ref?: string; name?: string }[] }).parameters ?? []).map(
			(one) => one.name ?? parameters[one.$ref?.split("/").at(-1) ?? ""]?.name,
		);
		t.deepEqual(
			declared,
			[...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]),
			path,
		);
		for (const method of methods) {
			const operation = item[method] as (typeof item)[typeof method] & { responses?: object };
			if (!operation) continue;
			t.false(ids.has(operation.operationId), operation.operationId);
			ids.add(operation.operationId);
			if (operation.security === undefined) t.true("default" in (operation.responses ?? {}), `${method} ${path}`);
		}
	}
});

test("every route is answered by an action that is deployed, or by the gateway", (t) => {
	const manifest = parse(readFileSync(new URL("../../deploy/manifest.yaml", import.meta.url), "utf8"));
	const actions = new Set<string>();
	for (const route of compileRoutes(document).flatMap((entry) => [...entry.routes.values()])) {
		const { action } = route;
		if (action === undefined) {
			t.truthy(ownAnswers[route.operationId], route.path);
			continue;
		}
		t.truthy(manifest.packages[action.package].actions[action.action].annotations["require-whisk-auth"], route.path);
		actions.add(action.action);
	}
	t.deepEqual([...actions].sort(), ["datamover", "restores", "snapshots", "workloads"]);
});
