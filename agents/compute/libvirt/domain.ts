import { AgentError } from "../errors.ts";
import { type Virsh, VirshFailure } from "./virsh.ts";

/** A disk of a domain: its name in the domain, and the file or device that is its active layer. */
export type DomainDisk = { target: string; source: string };

/** An instance's domain in libvirt; its uuid is the instance's id. Every call has a deadline. */
export type Domain = {
	/** Whether a QEMU process of it is there, paused or not. */
	isRunning(): Promise<boolean>;
	disks(): Promise<DomainDisk[]>;
	/** Asks the guest agent to hold all writes back. False, with no wait, where no agent answers. */
	freeze(): Promise<boolean>;
	/** Lets them go again. Safe to repeat, and where nothing is frozen. */
	thaw(): Promise<void>;
	beginBackup(xmlFile: string): Promise<void>;
	/** Ends a backup job. Safe to repeat. */
	endBackup(): Promise<void>;
};

const pingSeconds = 5;
const freezeDeadlineMs = 20_000;
const beginDeadlineMs = 60_000;
const notThere = /failed to get domain|Domain not found/;

export const domainOf = (virsh: Virsh, id: string): Domain => {
	/** LIBVIRT_FAILED for what libvirt refused. */
	const call = async (...params: Parameters<Virsh>): Promise<string> => {
		try {
			return await virsh(...params);
		} catch (error) {
			if (!(error instanceof VirshFailure)) throw error;
			throw new AgentError("LIBVIRT_FAILED", { reason: error.message }, { cause: error });
		}
	};
	const quietly = async (...params: Parameters<Virsh>): Promise<boolean> => {
		try {
			await virsh(...params);
			return true;
		} catch (error) {
			if (error instanceof VirshFailure) return false;
			throw error;
		}
	};
	return {
		async isRunning() {
			try {
				const state = (await virsh(["domstate", id])).trim();
				return state !== "shut off" && state !== "crashed";
			} catch (error) {
				if (error instanceof VirshFailure && notThere.test(error.message)) return false;
				if (!(error instanceof VirshFailure)) throw error;
				throw new AgentError("LIBVIRT_FAILED", { reason: error.message }, { cause: error });
			}
		},
		async disks() {
			const lines = (await call(["domblklist", id, "--details"])).split("\n");
			return lines.flatMap((line) => {
				const [, device, target, source] = /^\s*\S+\s+(\S+)\s+(\S+)\s+(.+?)\s*$/.exec(line) ?? [];
				return device === "disk" && target && source && source !== "-" ? [{ target, source }] : [];
			});
		},
		async freeze() {
			const ping = ["qemu-agent-command", id, '{"execute":"guest-ping"}', "--timeout", String(pingSeconds)];
			if (!(await quietly(ping))) return false;
			let frozen = false;
			try {
				frozen = await quietly(["domfsfreeze", id], { deadlineMs: freezeDeadlineMs });
			} finally {
				// Also when it did not end in time: the guest may have been frozen, or still be.
				if (!frozen) await quietly(["domfsthaw", id], { deadlineMs: freezeDeadlineMs });
			}
			return frozen;
		},
		thaw: async () => void (await quietly(["domfsthaw", id], { deadlineMs: freezeDeadlineMs })),
		beginBackup: async (xmlFile) => void (await call(["backup-begin", id, xmlFile], { deadlineMs: beginDeadlineMs })),
		endBackup: async () => void (await quietly(["domjobabort", id])),
	};
};
