import { join } from "node:path";
import type { State } from "./state.ts";
import type { IssuedToken } from "./token.ts";

/** What every service of the cloud works on. */
export type World = {
	state: State;
	/** Resolves when everything changed so far is on disk. */
	save: () => Promise<void>;
	tokens: Map<string, IssuedToken>;
	folder: string;
	hosts: readonly string[];
	/** `http://127.0.0.1:PORT`, known once the cloud listens. */
	url: string;
	tokenLifetimeSeconds: number;
	now: () => Date;
	newId: () => string;
	/** Work that goes on after its request was answered; a stopping cloud waits for it. */
	background: Set<Promise<void>>;
};

export function run(world: World, work: Promise<void>): void {
	const tracked = work
		.catch((error) => console.error("The demo cloud could not finish a task:", error))
		.finally(() => world.background.delete(tracked));
	world.background.add(tracked);
}

/** `2026-11-24T02:30:03Z`: Nova, Glance, Neutron. */
export function second(date: Date): string {
	return `${date.toISOString().slice(0, 19)}Z`;
}

/** `2026-11-24T02:30:03.000000`: Cinder, which leaves the zone out; Keystone adds its `Z`. */
export function microsecond(date: Date): string {
	return `${date.toISOString().slice(0, 23)}000`;
}

export const shareFolder = (world: World) => join(world.folder, "share");
export const imageFolder = (world: World) => join(world.folder, "images");
export const hostFolder = (world: World, host: string) => join(world.folder, "hosts", host);
export const instanceFolder = (world: World, host: string, serverId: string) =>
	join(hostFolder(world, host), "instances", serverId);
