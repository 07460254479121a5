import type { InvokableAction } from "./action.ts";
import type { Container } from "./container.ts";

export type PoolOptions = {
	/** How many action processes may exist at a time, warm ones included. */
	maxContainers: number;
	/** A container without work for this long is removed. */
	idleMs: number;
	start: (action: InvokableAction) => Promise<Container>;
};

export type Lease = {
	container: Container;
	/** Whether `/init` has been answered with success in this container. */
	warm: boolean;
	/** Gives the container back: kept warm, or destroyed. To be called exactly once. */
	release(keep: boolean): void;
};

export type ContainerPool = {
	/** A container for one run; waits its turn when all are busy. Rejects when the pool has been closed. */
	acquire(action: InvokableAction): Promise<Lease>;
	size(): number;
	/** Destroys everything; waiting callers are rejected. */
	close(): Promise<void>;
};

type Slot = { key: string; id: string; container: Container; timer?: NodeJS.Timeout };
type Waiter = { action: InvokableAction; resolve: (lease: Lease) => void; reject: (error: Error) => void };

/** Warm containers by action, least recently used ones make room, one run at a time in each. */
export function createPool({ maxContainers, idleMs, start }: PoolOptions): ContainerPool {
	const idle: Slot[] = []; // oldest first
	const waiting: Waiter[] = [];
	const ending = new Set<Promise<void>>();
	const busy = new Set<Slot>();
	let starting = 0;
	let closed = false;

	const size = () => idle.length + busy.size + starting;

	function drop(slot: Slot) {
		clearTimeout(slot.timer);
		const at = idle.indexOf(slot);
		if (at !== -1) idle.splice(at, 1);
		busy.delete(slot);
		const end = slot.container.destroy().finally(() => ending.delete(end));
		ending.add(end);
	}

	function lease(slot: Slot, warm: boolean): Lease {
		clearTimeout(slot.timer);
		busy.add(slot);
		return {
			container: slot.container,
			warm,
			release(keep) {
				if (!busy.delete(slot)) return;
				if (keep && !closed && slot.container.alive()) {
					slot.timer = setTimeout(() => drop(slot), idleMs).unref();
					idle.push(slot);
				} else drop(slot);
				serve();
			},
		};
	}

	function takeWarm(action: InvokableAction): Slot | undefined {
		for (const slot of [...idle]) {
			const stale = slot.id === action.id && slot.key !== action.key;
			if (stale || !slot.container.alive()) drop(slot);
		}
		// The most recently used one, so that the others can grow old.
		const at = idle.findLastIndex((slot) => slot.key === action.key);
		return at === -1 ? undefined : idle.splice(at, 1)[0];
	}

	function serve() {
		while (waiting.length > 0) {
			const waiter = waiting[0] as Waiter;
			const slot = takeWarm(waiter.action);
			if (slot === undefined && size() >= maxContainers) {
				const oldest = idle[0];
				if (oldest === undefined) return;
				drop(oldest);
			}
			waiting.shift();
			if (slot !== undefined) waiter.resolve(lease(slot, true));
			else startFor(waiter);
		}
	}

	function startFor({ action, resolve, reject }: Waiter) {
		starting += 1;
		start(action).then(
			(container) => {
				starting -= 1;
				const slot: Slot = { key: action.key, id: action.id, container };
				if (!closed) return resolve(lease(slot, false));
				drop(slot);
				reject(poolClosed());
			},
			(error: Error) => {
				starting -= 1;
				reject(error);
				serve();
			},
		);
	}

	return {
		acquire(action) {
			if (closed) return Promise.reject(poolClosed());
			return new Promise((resolve, reject) => {
				waiting.push({ action, resolve, reject });
				serve();
			});
		},
		size,
		async close() {
			closed = true;
			for (const { reject } of waiting.splice(0)) reject(poolClosed());
			for (const slot of [...idle, ...busy]) drop(slot);
			await Promise.all(ending);
		},
	};
}

const poolClosed = () => new Error("The platform is shutting down.");
