import type { Db } from "mongodb";
import type { Session } from "#openstack/session.ts";
import type { Log } from "./log.ts";
import type { Settings } from "./settings.ts";

/** What a handler gets besides its request. Everything it may use of the outside world is in here. */
export type Context = {
	/** `req-<uuid>`: in our answer, our log and every call to OpenStack. */
	requestId: string;
	/** Fires at the handler's deadline. Every call to the outside carries it. */
	signal: AbortSignal;
	/** When `signal` fires, epoch milliseconds of the monotonic-enough `Date.now()`. */
	deadlineMs: number;
	settings: Settings;
	log: Log;
	now: () => Date;
	newId: () => string;
	database: () => Promise<Db>;
	/** The service user, in its own project (where it validates tokens) or in another. */
	service: (projectId?: string) => Session;
	/** Whoever sent this token. */
	caller: (token: string) => Session;
	/** Wakes the orchestrator for a run, or for a look at everything. Never throws: a lost nudge is only a delay. */
	nudge: (runId?: string) => Promise<void>;
};

/** Answers a web request. May throw: the adapter turns any error into an answer. */
export type Handler = (request: Request, context: Context) => Promise<Response>;
