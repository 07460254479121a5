import { realpath, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connectNbd, type NbdClient } from "#nbd/client.ts";
import { allocation } from "#nbd/extents.ts";
import type { DiskLocator } from "#schemas/locator.ts";
import { type DiskFolders, describeLocator, locateDisk } from "../disks/locate.ts";
import { AgentError } from "../errors.ts";
import { type Domain, type DomainDisk, domainOf } from "../libvirt/domain.ts";
import { openScratch, type Scratch } from "../libvirt/scratch.ts";
import type { Virsh } from "../libvirt/virsh.ts";
import { withinDeadline } from "../within.ts";
import type { DiskSource } from "./source.ts";

export type Hypervisor = { virsh: Virsh; scratch: Scratch };

export type LiveSources = {
	/** In the order of the locators. */
	sources: DiskSource[];
	warnings: string[];
};

/** Whether the instance runs on this host now. */
export const runsHere = ({ virsh }: Hypervisor, instanceId: string): Promise<boolean> =>
	domainOf(virsh, instanceId).isRunning();

/**
 * Opens all disks of a running instance at one instant, by a backup job of libvirt in pull mode: QEMU keeps what the
 * guest overwrites aside and shows us the disks as they were. Where a guest agent answers, the guest holds its writes
 * back for that instant and is let go at once, whatever happens. All sources end together with the first `close`.
 */
export const openLiveSources = async (
	instanceId: string,
	locators: readonly DiskLocator[],
	{ folders, hypervisor }: { folders: DiskFolders; hypervisor: Hypervisor },
): Promise<LiveSources> => {
	const domain = domainOf(hypervisor.virsh, instanceId);
	const all = await domain.disks();
	const wanted = await Promise.all(locators.map((locator) => findDisk(locator, folders, all)));
	const diskBytes = wanted.reduce((sum, { bytes }) => sum + bytes, 0);
	const owner = wanted[0] ?? { uid: 0, gid: 0 };
	const folder = await openScratch(hypervisor.scratch, instanceId, { diskBytes, owner });
	const clients: NbdClient[] = [];
	let ending: Promise<void> | undefined;
	const end = (): Promise<void> => {
		ending ??= (async () => {
			for (const client of clients) client.close();
			await domain.endBackup();
			await rm(folder, { recursive: true, force: true });
		})();
		return ending;
	};
	try {
		const socket = join(folder, "nbd.sock");
		const xml = join(folder, "backup.xml");
		await writeFile(xml, backupXml(all, wanted, folder, socket));
		// What an earlier job of ours left, if it could not be ended then.
		await domain.endBackup();
		const frozen = await atOneInstant(domain, xml);
		for (const { target } of wanted) {
			clients.push(await connectNbd({ path: socket }, { exportName: target, contexts: ["base:allocation"] }));
		}
		const consistent =
			"The guest did not hold its writes back (no guest agent answered): the disks are as after a power cut.";
		return {
			sources: wanted.map(({ path }, i) => sourceOf(clients[i] as NbdClient, path, end)),
			warnings: frozen ? [] : [consistent],
		};
	} catch (error) {
		await end();
		throw error;
	}
};

/** Thawed whatever happens to the job's start; if we are killed in between, the next agent's sweep does it. */
const atOneInstant = async (domain: Domain, xml: string): Promise<boolean> => {
	const frozen = await domain.freeze();
	try {
		await domain.beginBackup(xml);
	} finally {
		if (frozen) await domain.thaw();
	}
	return frozen;
};

type Wanted = DomainDisk & { path: string; bytes: number; uid: number; gid: number };

/** The domain's disk that a locator means, by the file itself. A disk that runs on another layer is refused. */
const findDisk = async (locator: DiskLocator, folders: DiskFolders, disks: DomainDisk[]): Promise<Wanted> => {
	const words = describeLocator(locator);
	const { path } = await withinDeadline(words, locateDisk(locator, folders));
	const { dev, ino, uid, gid, size } = await stat(path);
	for (const disk of disks) {
		const real = await realpath(disk.source).catch(() => undefined);
		if (real === undefined) continue;
		const found = await stat(real);
		if (found.dev === dev && found.ino === ino) return { ...disk, path, bytes: size, uid, gid };
	}
	const reason = "the running instance has no disk on this file; it may run on a snapshot's overlay";
	throw new AgentError("DISK_UNSUPPORTED", { path, reason });
};

const escapeXml = (text: string): string => text.replace(/[<>&'"]/g, (character) => `&#${character.codePointAt(0)};`);

const backupXml = (all: DomainDisk[], wanted: Wanted[], folder: string, socket: string): string => {
	const disks = all.map(({ target }) => {
		const name = escapeXml(target);
		if (!wanted.some((one) => one.target === target)) return `<disk name='${name}' backup='no'/>`;
		const scratch = escapeXml(join(folder, `${target}.scratch`));
		return `<disk name='${name}' backup='yes' type='file' exportname='${name}'><scratch file='${scratch}'/></disk>`;
	});
	const server = `<server transport='unix' socket='${escapeXml(socket)}'/>`;
	return `<domainbackup mode='pull'>${server}<disks>${disks.join("")}</disks></domainbackup>\n`;
};

const sourceOf = (client: NbdClient, path: string, close: () => Promise<void>): DiskSource => {
	const explain = (cause: unknown): never => {
		const reason = `the instance's QEMU: ${(cause as Error).message}; it may have been stopped or moved meanwhile`;
		throw new AgentError("DISK_READ_FAILED", { path, reason }, { cause });
	};
	return {
		sizeBytes: client.sizeBytes,
		description: path,
		async *extents() {
			try {
				yield* allocation(client);
			} catch (error) {
				explain(error);
			}
		},
		read: (offset, target) => client.read(offset, target).catch(explain),
		// The job is there to the end: as long as it answers, what was read was of its instant.
		check: async () => {
			if (client.sizeBytes > 0) await client.read(0, new Uint8Array(Math.min(512, client.sizeBytes))).catch(explain);
		},
		close,
	};
};
