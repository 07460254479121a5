import type { Collection, Db } from "mongodb";
import type { Context } from "#functions/adapter/context.ts";
import type { Session } from "#openstack/session.ts";

/** What everything answers once the activation is dead. */
export class Killed extends Error {
	override readonly name = "Killed";
}

const collectionCalls = new Set([
	"findOne",
	"findOneAndUpdate",
	"insertOne",
	"updateOne",
	"updateMany",
	"deleteOne",
	"deleteMany",
	"countDocuments",
]);

/**
 * A context whose activation dies at its `lives`-th call to the outside, as by SIGKILL: that call has its effect or has
 * not (`effect`), its answer never arrives, and nothing after it happens.
 */
export function mortal(context: Context, lives: number, effect: boolean): Context {
	let left = lives;
	let dead = false;
	const call = async <T>(act: () => Promise<T>): Promise<T> => {
		if (dead) throw new Killed();
		if (left-- > 0) return act();
		dead = true;
		if (effect) await act().catch(() => {});
		throw new Killed();
	};
	const session = (inner: Session): Session => ({
		...inner,
		request: (...args) => call(() => inner.request(...args)),
	});
	return {
		...context,
		database: async () => mortalDb(await context.database(), call),
		service: (projectId) => session(context.service(projectId)),
		caller: (token) => session(context.caller(token)),
		nudge: (runId) => call(() => context.nudge(runId)),
	};
}

type Call = <T>(act: () => Promise<T>) => Promise<T>;

function mortalDb(db: Db, call: Call): Db {
	return new Proxy(db, {
		get: (target, name) =>
			name === "collection"
				? (collection: string) => mortalCollection(target.collection(collection), call)
				: Reflect.get(target, name),
	});
}

function mortalCollection(collection: Collection, call: Call): Collection {
	return new Proxy(collection, {
		get: (target, name) => {
			const method = Reflect.get(target, name) as (...args: unknown[]) => unknown;
			if (typeof name !== "string" || typeof method !== "function") return method;
			if (collectionCalls.has(name)) {
				return (...args: unknown[]) => call(() => method.apply(target, args) as Promise<unknown>);
			}
			if (name !== "find" && name !== "aggregate") return method.bind(target);
			return (...args: unknown[]) => mortalCursor(method.apply(target, args) as Cursor, call);
		},
	});
}

type Cursor = { toArray: () => Promise<unknown[]>; sort?: (by: unknown) => unknown; limit?: (to: number) => unknown };

function mortalCursor(cursor: Cursor, call: Call): Cursor {
	return {
		toArray: () => call(() => cursor.toArray()),
		sort: (by) => {
			cursor.sort?.(by);
			return mortalCursor(cursor, call);
		},
		limit: (to) => {
			cursor.limit?.(to);
			return mortalCursor(cursor, call);
		},
	};
}
