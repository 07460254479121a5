import { readFileSync } from "node:fs";
import { parse } from "yaml";

export const documentUrl = new URL("./openapi.yaml", import.meta.url);

export const methods = ["get", "put", "post", "delete"] as const;
export type Method = (typeof methods)[number];

/** Which function answers: `x-openwhisk` of a path or of one of its operations. */
export type Action = { package: string; action: string };

/** What the gateway reads of an operation; the document has more. */
export type Operation = {
	operationId: string;
	"x-openwhisk"?: Action;
	/** `[]` where no token is needed. */
	security?: unknown[];
	/** Absent where a body means nothing; it is not forwarded then. */
	requestBody?: unknown;
};

export type PathItem = { "x-openwhisk"?: Action } & { [method in Method]?: Operation };

export type ApiDocument = { paths: Record<string, PathItem>; components: { schemas: Record<string, unknown> } };

/** Reads `gateway/openapi.yaml`. */
export const readDocument = (): ApiDocument => parse(readFileSync(documentUrl, "utf8")) as ApiDocument;
