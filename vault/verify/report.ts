/** How much is looked at. `metadata` reads no chunk; `sample` a share of the packs; `everything` each pack once. */
export const verifyLevels = ["metadata", "sample", "everything"] as const;
export type VerifyLevel = (typeof verifyLevels)[number];

/** A range of a disk that cannot be restored, in bytes. */
export type DamagedRange = { offset: number; length: number };
/** What of a snapshot cannot be restored. */
export type Effect = { snapshotId: string; instanceId: string; diskId: string; device: string; ranges: DamagedRange[] };

/** One thing that is wrong. `effects` is empty for damage that no snapshot needs, and for a root that does not read. */
export type Damage = {
	/** Key of the object on the target. */
	object: string;
	/** One sentence. */
	reason: string;
	/** Names (hex) of the records that it concerns, where it is about records; at most `mostNames` of them. */
	records: string[];
	effects: Effect[];
};

/** Where a verification that was stopped goes on. Plain JSON, for the caller to keep. */
export type VerifyCursor = { after: string };

export type VerifyReport = {
	level: VerifyLevel;
	/** False when it was stopped on the way; `cursor` says where to go on. */
	complete: boolean;
	cursor: VerifyCursor | undefined;
	snapshots: number;
	packs: { checked: number; total: number };
	/** Records and bytes of packs that were read and checked. */
	records: number;
	bytes: number;
	damage: Damage[];
};
