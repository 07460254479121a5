/** How the agent's fixed memory is divided: the same share for every slot, so that a full house fits too. */
export type MemoryShare = {
	/** For the vault of one job: packs, tables, pages. */
	vaultBytes: number;
	/** One read or write of a disk. */
	transferBytes: number;
	/** Transfers of one job in flight. */
	transfers: number;
};

/** Past 1 MiB qemu-nbd answers no faster; below 256 KiB the number of requests costs. */
const transferBytes = 1024 * 1024;
/** More in flight than this gains nothing on one qemu-nbd process (measured with 4, 8 and 16). */
const mostTransfers = 8;
const fewestTransfers = 2;
export const minMemoryMibPerSlot = 32;

/** Three quarters to the vault, whose compression needs buffers, and one to the disks' own buffers. */
export const divideMemory = (memoryMib: number, slots: number): MemoryShare => {
	const slotBytes = Math.floor((memoryMib * 1024 * 1024) / slots);
	const transfers = Math.floor(slotBytes / 4 / transferBytes);
	return {
		vaultBytes: Math.floor((slotBytes * 3) / 4),
		transferBytes,
		transfers: Math.max(fewestTransfers, Math.min(mostTransfers, transfers)),
	};
};
