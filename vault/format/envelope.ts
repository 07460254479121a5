import { createCipheriv, createDecipheriv, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { crc32, constants as zlib, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { damaged, VaultError } from "../errors.ts";
import type { Keyring } from "../keyring.ts";
import {
	checksumBytes,
	flagBits,
	formatVersion,
	headerBytes,
	magic,
	maxBodyBytes,
	nonceBytes,
	type ObjectType,
	objectTypes,
	saltBytes,
	tagBytes,
} from "./constants.ts";
import { bytesToUuid } from "./names.ts";

/** The frame of every object but packs: header, body, tag, checksum. Byte table in docs/format.md. */
export type Header = {
	type: ObjectType;
	flags: number;
	bodyBytes: number;
	vaultId: string;
	salt: Uint8Array;
	nonce: Uint8Array;
};

export function encodeHeader(header: Omit<Header, "vaultId"> & { vaultIdBytes: Uint8Array }): Buffer {
	const out = Buffer.alloc(headerBytes);
	magic.copy(out, 0);
	out[8] = header.type;
	out[9] = formatVersion;
	out[10] = header.flags;
	out.writeUInt32LE(header.bodyBytes, 12);
	out.set(header.vaultIdBytes, 16);
	out.set(header.salt, 32);
	out.set(header.nonce, 48);
	out.writeUInt32LE(crc32(out.subarray(0, 60)), 60);
	return out;
}

/** Reads and checks a header. Throws DAMAGED or UNSUPPORTED_FORMAT. */
export function decodeHeader(object: string, bytes: Uint8Array, type: ObjectType): Header {
	const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	if (view.length < headerBytes) throw damaged(object, "is cut short");
	if (!view.subarray(0, 8).equals(magic)) throw damaged(object, "does not begin as an object of a vault");
	if (crc32(view.subarray(0, 60)) !== view.readUInt32LE(60))
		throw damaged(object, "has a header with a wrong checksum");
	if (view[9] !== formatVersion) {
		const sentence = `The object ${object} has format version ${view[9]}; this program reads version ${formatVersion}.`;
		throw new VaultError("UNSUPPORTED_FORMAT", sentence, { object });
	}
	if (view[8] !== type) throw damaged(object, `is of type ${view[8]} where type ${type} belongs`);
	return {
		type,
		flags: view[10] as number,
		bodyBytes: view.readUInt32LE(12),
		vaultId: bytesToUuid(view.subarray(16, 32)),
		salt: view.subarray(32, 48),
		nonce: view.subarray(48, 60),
	};
}

/** Seals a body into a whole object. The key on the target is bound in: an object is refused under another name. */
export function sealObject(keyring: Keyring, type: ObjectType, key: string, plain: Uint8Array): Buffer {
	const packed =
		type === objectTypes.config ? plain : zstdCompressSync(plain, { params: { [zlib.ZSTD_c_compressionLevel]: 3 } });
	const compressed = packed.length < plain.length;
	const body = compressed ? packed : plain;
	// The config is read before the key is known, so it is authenticated but never encrypted.
	const encrypted = keyring.encrypt && type !== objectTypes.config;
	const salt = encrypted ? randomBytes(saltBytes) : Buffer.alloc(saltBytes);
	const nonce = encrypted ? randomBytes(nonceBytes) : Buffer.alloc(nonceBytes);
	const flags = (encrypted ? flagBits.encrypted : 0) | (compressed ? flagBits.compressed : 0);
	const header = encodeHeader({ type, flags, bodyBytes: body.length, vaultIdBytes: keyring.vaultIdBytes, salt, nonce });
	if (!encrypted) return withChecksum([header, body, authenticate(keyring, header, key, body)]);
	const cipher = createCipheriv("aes-256-gcm", keyring.laneKey("object", salt), nonce);
	cipher.setAAD(Buffer.concat([header, Buffer.from(key)]));
	const sealed = Buffer.concat([cipher.update(body), cipher.final()]);
	return withChecksum([header, sealed, cipher.getAuthTag()]);
}

/** The verified body of an object. Throws DAMAGED, UNSUPPORTED_FORMAT or (config only) WRONG_KEY. */
export function openObject(keyring: Keyring, type: ObjectType, key: string, bytes: Uint8Array): Buffer {
	const { header, body, tag } = splitObject(type, key, bytes);
	const encrypted = (header.flags & flagBits.encrypted) !== 0;
	if (header.vaultId !== keyring.vaultId) throw damaged(key, "belongs to another vault");
	if (encrypted !== (keyring.encrypt && type !== objectTypes.config))
		throw damaged(key, "is not sealed as this vault seals");
	const plain = encrypted
		? decrypt(keyring, header, key, bytes.subarray(0, headerBytes), body, tag)
		: checkTag(keyring, key, bytes.subarray(0, headerBytes), body, tag);
	if ((header.flags & flagBits.compressed) === 0) return plain;
	try {
		return zstdDecompressSync(plain, { maxOutputLength: maxBodyBytes });
	} catch (error) {
		throw damaged(key, "does not decompress", error);
	}
}

/** An object that no key of the vault protects: its body authenticates itself (wrapped keys). */
export function frameObject(vaultIdBytes: Uint8Array, type: ObjectType, body: Uint8Array): Buffer {
	const salt = Buffer.alloc(saltBytes);
	const nonce = Buffer.alloc(nonceBytes);
	const flags = flagBits.untagged;
	const header = encodeHeader({ type, flags, bodyBytes: body.length, vaultIdBytes, salt, nonce });
	return withChecksum([header, body, Buffer.alloc(tagBytes)]);
}

/** Header and body after every check that needs no key. */
export function splitObject(
	type: ObjectType,
	key: string,
	bytes: Uint8Array,
): { header: Header; body: Buffer; tag: Buffer } {
	const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	const header = decodeHeader(key, view, type);
	const end = headerBytes + header.bodyBytes;
	if (view.length !== end + tagBytes + checksumBytes)
		throw damaged(key, "does not have the length that its header says");
	if (crc32(view.subarray(0, end + tagBytes)) !== view.readUInt32LE(end + tagBytes)) {
		throw damaged(key, "has a wrong checksum");
	}
	return { header, body: view.subarray(headerBytes, end), tag: view.subarray(end, end + tagBytes) };
}

function decrypt(keyring: Keyring, header: Header, key: string, head: Uint8Array, body: Buffer, tag: Buffer): Buffer {
	const decipher = createDecipheriv("aes-256-gcm", keyring.laneKey("object", header.salt), header.nonce);
	decipher.setAAD(Buffer.concat([head, Buffer.from(key)]));
	decipher.setAuthTag(tag);
	try {
		return Buffer.concat([decipher.update(body), decipher.final()]);
	} catch (error) {
		throw damaged(key, "fails authentication (changed, renamed, or sealed with another key)", error);
	}
}

function checkTag(keyring: Keyring, key: string, head: Uint8Array, body: Buffer, tag: Buffer): Buffer {
	if (!timingSafeEqual(authenticate(keyring, head, key, body), tag)) throw damaged(key, "fails authentication");
	return body;
}

function authenticate(keyring: Keyring, header: Uint8Array, key: string, body: Uint8Array): Buffer {
	// The header has a fixed size and says the body's, so nothing can move across the three parts.
	const mac = createHmac("sha256", keyring.objectMacKey).update(header).update(body).update(key);
	return mac.digest().subarray(0, tagBytes);
}

function withChecksum(parts: Uint8Array[]): Buffer {
	const checksum = Buffer.alloc(checksumBytes);
	let sum = 0;
	for (const part of parts) sum = crc32(part, sum);
	checksum.writeUInt32LE(sum);
	return Buffer.concat([...parts, checksum]);
}
