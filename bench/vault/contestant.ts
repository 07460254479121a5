import type { Workload } from "./workload.ts";

export const works = ["full", "incremental", "compare", "clone", "restore", "verify", "delete", "stored"] as const;
export type Work = (typeof works)[number];

/**
 * One program under the same work, in a folder of its own. Each step does one thing and nothing else; what it cannot do
 * is left out. `stored` answers bytes.
 */
export type Contestant = {
	name: string;
	prepare(): Promise<void>;
	steps: Partial<Record<Exclude<Work, "stored">, () => Promise<unknown>>>;
	stored(): Promise<number>;
};

export type Make = (folder: string, workload: Workload) => Contestant;
