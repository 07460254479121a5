import { createCipheriv, createDecipheriv, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { crc32 } from "node:zlib";
import { damaged } from "../errors.ts";
import type { Keyring } from "../keyring.ts";
import {
	flagBits,
	formatVersion,
	headerBytes,
	maxPackEntries,
	nonceBytes,
	objectTypes,
	packEntryBytes,
	packFootBytes,
	packFootMagic,
	packIdBytes,
	saltBytes,
	tagBytes,
} from "./constants.ts";
import { encodeHeader } from "./envelope.ts";
import { packKey } from "./names.ts";

/**
 * A pack: header, records, its own index (sealed), foot. The foot is last so that a pack can be streamed and so that a
 * reader needs only the end of it to learn all that is in it. Byte tables in docs/format.md.
 */

/** The pack's id takes the header's salt field, so that a renamed pack is told from a damaged one. */
export function packHeader(keyring: Keyring, packId: string): Buffer {
	const flags = keyring.encrypt ? flagBits.encrypted : 0;
	const salt = Buffer.from(packId, "hex");
	const nonce = Buffer.alloc(nonceBytes);
	return encodeHeader({ type: objectTypes.pack, flags, bodyBytes: 0, vaultIdBytes: keyring.vaultIdBytes, salt, nonce });
}

/** Index and foot of a pack whose records end at `recordsEnd`. */
export function packTail(keyring: Keyring, packId: string, entries: Uint8Array, recordsEnd: number): Buffer {
	const foot = Buffer.alloc(packFootBytes);
	packFootMagic.copy(foot, 0);
	foot[4] = formatVersion;
	foot[5] = keyring.encrypt ? flagBits.encrypted : 0;
	foot.writeBigUInt64LE(BigInt(recordsEnd), 8);
	foot.writeUInt32LE(entries.length / packEntryBytes, 16);
	foot.writeUInt32LE(entries.length + tagBytes, 20);
	if (keyring.encrypt) randomBytes(saltBytes + nonceBytes).copy(foot, 24);
	const section = sealIndex(keyring, packId, foot, entries);
	foot.writeUInt32LE(crc32(section), 56);
	foot.writeUInt32LE(crc32(foot.subarray(0, 60)), 60);
	return Buffer.concat([section, foot]);
}

export type PackFoot = { recordsEnd: number; count: number; indexBytes: number; foot: Buffer };

/** Reads and checks the last 64 bytes of a pack. */
export function readFoot(keyring: Keyring, packId: string, end: Uint8Array): PackFoot {
	const object = packKey(packId);
	if (end.length < packFootBytes) throw damaged(object, "is cut short");
	const foot = Buffer.from(end.buffer, end.byteOffset + end.length - packFootBytes, packFootBytes);
	if (!foot.subarray(0, 4).equals(packFootMagic)) throw damaged(object, "does not end as a pack");
	if (crc32(foot.subarray(0, 60)) !== foot.readUInt32LE(60)) throw damaged(object, "ends with a wrong checksum");
	if (foot[4] !== formatVersion) throw damaged(object, `ends with format version ${foot[4]}`);
	if (((foot[5] as number) & flagBits.encrypted) !== (keyring.encrypt ? flagBits.encrypted : 0)) {
		throw damaged(object, "is not sealed as this vault seals");
	}
	const recordsEnd = Number(foot.readBigUInt64LE(8));
	const count = foot.readUInt32LE(16);
	const indexBytes = foot.readUInt32LE(20);
	if (count > maxPackEntries || indexBytes !== count * packEntryBytes + tagBytes || recordsEnd > 2 ** 32) {
		throw damaged(object, "ends with sizes that cannot be");
	}
	return { recordsEnd, count, indexBytes, foot };
}

/** The verified entries of a pack, from the bytes of its index section (which lies just before the foot). */
export function openPackIndex(keyring: Keyring, packId: string, foot: PackFoot, section: Uint8Array): Buffer {
	const object = packKey(packId);
	if (section.length !== foot.indexBytes || crc32(section) !== foot.foot.readUInt32LE(56)) {
		throw damaged(object, "has an index with a wrong checksum");
	}
	const body = section.subarray(0, section.length - tagBytes);
	const tag = section.subarray(section.length - tagBytes);
	const entries = keyring.encrypt ? decryptIndex(keyring, packId, foot.foot, body, tag) : Buffer.from(body);
	if (!keyring.encrypt && !timingSafeEqual(authenticate(keyring, packId, foot.foot, body), tag)) {
		throw damaged(object, "has an index that fails authentication");
	}
	let end = headerBytes;
	for (let at = 0; at < entries.length; at += packEntryBytes) end += entries.readUInt32LE(at + 20);
	if (end !== foot.recordsEnd) throw damaged(object, "has an index that does not add up to its records");
	return entries;
}

function associatedData(keyring: Keyring, packId: string, foot: Buffer): Buffer {
	return Buffer.concat([foot.subarray(0, 52), keyring.vaultIdBytes, Buffer.from(packId, "hex")]);
}

function sealIndex(keyring: Keyring, packId: string, foot: Buffer, entries: Uint8Array): Buffer {
	if (!keyring.encrypt) return Buffer.concat([entries, authenticate(keyring, packId, foot, entries)]);
	const salt = foot.subarray(24, 24 + saltBytes);
	const nonce = foot.subarray(40, 40 + nonceBytes);
	const cipher = createCipheriv("aes-256-gcm", keyring.laneKey("object", salt), nonce);
	cipher.setAAD(associatedData(keyring, packId, foot));
	return Buffer.concat([cipher.update(entries), cipher.final(), cipher.getAuthTag()]);
}

function decryptIndex(keyring: Keyring, packId: string, foot: Buffer, body: Uint8Array, tag: Uint8Array): Buffer {
	const key = keyring.laneKey("object", foot.subarray(24, 24 + saltBytes));
	const decipher = createDecipheriv("aes-256-gcm", key, foot.subarray(40, 40 + nonceBytes));
	decipher.setAAD(associatedData(keyring, packId, foot));
	decipher.setAuthTag(tag);
	try {
		return Buffer.concat([decipher.update(body), decipher.final()]);
	} catch (error) {
		throw damaged(packKey(packId), "has an index that fails authentication (changed, or another pack's)", error);
	}
}

function authenticate(keyring: Keyring, packId: string, foot: Buffer, entries: Uint8Array): Buffer {
	const mac = createHmac("sha256", keyring.objectMacKey);
	return mac
		.update(associatedData(keyring, packId, foot))
		.update(entries)
		.digest()
		.subarray(0, tagBytes);
}

export const newPackId = () => randomBytes(packIdBytes).toString("hex");
