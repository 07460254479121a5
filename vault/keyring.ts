import { createHmac, createSecretKey, hkdfSync, type KeyObject } from "node:crypto";
import { nameBytes, type RecordType, recordTypes } from "./format/constants.ts";
import { uuidToBytes } from "./format/names.ts";

/** The data keys of one vault, all derived from its vault key (HKDF-SHA-256, salt = vault id, one label a purpose). */
export type Keyring = {
	/** What it was made of: a sealing thread makes its own. */
	readonly seed: KeyringSeed;
	readonly vaultId: string;
	readonly vaultIdBytes: Buffer;
	/** Whether this vault's records and objects are encrypted. */
	readonly encrypt: boolean;
	/** Name of a chunk or page: truncated HMAC-SHA-256 under a key of its own type. */
	name(type: RecordType, plain: Uint8Array): Buffer;
	/** Encryption key of one lane: everything that was sealed with the same random salt. */
	laneKey(purpose: "record" | "object", salt: Uint8Array): KeyObject;
	/** Authenticates objects that are not encrypted. */
	readonly objectMacKey: KeyObject;
};

export type KeyringSeed = { vaultKey: Uint8Array; vaultId: string; encrypt: boolean };

/** Lanes are writer processes and small objects: a reader meets few at a time. */
const maxCachedLanes = 256;

export function makeKeyring(seed: KeyringSeed): Keyring {
	const vaultIdBytes = uuidToBytes(seed.vaultId);
	const derive = (label: string) =>
		createSecretKey(Buffer.from(hkdfSync("sha256", seed.vaultKey, vaultIdBytes, `holdfast vault 1: ${label}`, 32)));
	const nameKeys = { [recordTypes.chunk]: derive("chunk names"), [recordTypes.page]: derive("page names") };
	const masters = { record: derive("records"), object: derive("objects") };
	const lanes = new Map<string, KeyObject>();

	return {
		seed,
		vaultId: seed.vaultId,
		vaultIdBytes,
		encrypt: seed.encrypt,
		objectMacKey: derive("object authentication"),
		name: (type, plain) => createHmac("sha256", nameKeys[type]).update(plain).digest().subarray(0, nameBytes),
		laneKey(purpose, salt) {
			const id = purpose + Buffer.from(salt).toString("latin1");
			let key = lanes.get(id);
			if (key === undefined) {
				key = createSecretKey(Buffer.from(hkdfSync("sha256", masters[purpose], salt, "holdfast vault 1: lane", 32)));
				if (lanes.size >= maxCachedLanes) lanes.delete(lanes.keys().next().value as string);
				lanes.set(id, key);
			}
			return key;
		},
	};
}
