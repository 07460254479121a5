import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { divideMemory } from "./budget.ts";
import type { Config } from "./config.ts";
import { holdJobs } from "./held.ts";
import { openJournal } from "./journal.ts";
import { sweepScratch } from "./libvirt/scratch.ts";
import { newVirsh } from "./libvirt/virsh.ts";
import { lockState } from "./lock.ts";
import type { Log } from "./log.ts";
import { type Api, newWake, syncLoop } from "./loop.ts";
import { openChildren } from "./qemu/children.ts";
import type { Hypervisor } from "./sources/libvirt-backup.ts";
import { newThrottle } from "./throttle.ts";
import { newVaults } from "./vaults.ts";
import { version } from "./version.ts";

export type AgentOptions = {
	config: Config;
	api: Api;
	log: Log;
	now: () => Date;
	/** Monotonic milliseconds. */
	clock: () => number;
	random: () => number;
	newId: () => string;
	onFirstSync: () => void;
	/** Aborted: stop all work, keep the journal, return. */
	signal: AbortSignal;
};

/**
 * Runs the agent until `signal` is aborted. Throws before any work when its state folder is in use by another agent or
 * cannot be written.
 */
export const runAgent = async (options: AgentOptions): Promise<void> => {
	const { config, api, log, now, clock, random, newId, onFirstSync, signal } = options;
	await mkdir(config.statePath, { recursive: true, mode: 0o700 });
	const unlock = await lockState(config.statePath);
	try {
		const { children, swept } = await openChildren(config.statePath);
		if (swept > 0) log("processes of an earlier agent were ended", { count: swept });
		const hypervisor = hypervisorOf(config);
		if (hypervisor !== undefined) {
			const left = await sweepScratch(hypervisor.scratch, hypervisor.virsh);
			if (left > 0) log("backups of running instances that an earlier agent left were ended", { count: left });
		}
		const journal = await openJournal(join(config.statePath, "jobs"), {
			now,
			onDamaged: (file, reason) => log("a journal file cannot be read and was set aside", { file, reason }),
		});
		const memory = divideMemory(config.memoryMib, config.slots);
		const wake = newWake();
		const held = holdJobs({
			host: {
				folders: config,
				children,
				hypervisor,
				vaults: newVaults(config.targets, memory.vaultBytes),
				memory,
				throttle: newThrottle(config.bandwidthMibPerS, clock),
				log,
			},
			journal,
			earlier: await journal.load(),
			onEnd: wake.call,
		});
		const agent = { instance_id: newId(), version, targets: Object.keys(config.targets), slots: config.slots };
		await syncLoop({ api, held, agent, wake, clock, random, log, onFirstSync, signal });
		await held.shutdown();
		children.close();
	} finally {
		await unlock();
	}
};

const hypervisorOf = ({ libvirtUri, scratchPath, scratchPercent }: Config): Hypervisor | undefined =>
	libvirtUri === undefined
		? undefined
		: { virsh: newVirsh(libvirtUri), scratch: { path: scratchPath, percent: scratchPercent } };
