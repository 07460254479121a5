import type { Document } from "bson";
import type { Shape } from "./arguments.ts";
import { type Catalog, type Collection, checkCollectionName } from "./catalog.ts";
import type { Cursors } from "./cursors.ts";
import type { Engine } from "./documents.ts";
import type { CheckTime } from "./reader.ts";

/** One request as a command sees it: its body is checked against the command's shape already. */
export type Request = Engine & {
	catalog: Catalog;
	cursors: Cursors;
	now: () => Date;
	checkTime: CheckTime;
	connectionId: number;
	db: string;
	body: Document;
};

/** A command: what it may carry, and what it does inside the transaction around it. The reply is without `ok`. */
export type Command = Shape & { run: (request: Request) => Document };

/** The collection a command names in its first field. @throws Failure InvalidNamespace */
export function namespaceOf({ db, body }: Request, command: string): { name: string; ns: string } {
	const name: unknown = body[command];
	checkCollectionName(db, name);
	return { name, ns: `${db}.${name}` };
}

/** What reads from a collection that does not exist work on: nothing. */
export const noCollection: Pick<Collection, "id" | "indexes"> = { id: -1, indexes: [] };

/** MongoDB's first batch when the client names no size; later ones are bounded by bytes alone. */
export const firstBatchDocuments = 101;
