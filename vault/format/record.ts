import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from "node:crypto";
import { constants as zlib, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { damaged } from "../errors.ts";
import type { Keyring } from "../keyring.ts";
import {
	flagBits,
	formatVersion,
	nonceBytes,
	type RecordType,
	recordHeaderBytes,
	recordTypes,
	saltBytes,
	tagBytes,
} from "./constants.ts";

/** A chunk or a page as it lies in a pack: header, payload, tag. It says neither its name nor its plain size. */

/** One sealing thread of one process: a random salt, and the key that only this thread seals with. */
export type Lane = { salt: Buffer; key: KeyObject };

export function newLane(keyring: Keyring): Lane {
	const salt = randomBytes(saltBytes);
	return { salt, key: keyring.laneKey("record", salt) };
}

export type SealOptions = { type: RecordType; name: Uint8Array; compressionLevel: number };

/** Writes the record into `out` (at least `plain.length + recordOverheadBytes`) and returns its length. */
export function sealRecord(
	keyring: Keyring,
	lane: Lane,
	options: SealOptions,
	plain: Uint8Array,
	out: Uint8Array,
): number {
	const packed = options.type === recordTypes.page ? undefined : compress(plain, options.compressionLevel);
	const compressed = packed !== undefined && packed.length < plain.length;
	const payload = compressed ? packed : plain;
	out.fill(0, 0, recordHeaderBytes);
	out[0] = options.type;
	out[1] = (keyring.encrypt ? flagBits.encrypted : 0) | (compressed ? flagBits.compressed : 0);
	if (!keyring.encrypt) {
		out.set(payload, recordHeaderBytes);
		return recordHeaderBytes + payload.length;
	}
	const nonce = randomBytes(nonceBytes);
	out.set(lane.salt, 4);
	out.set(nonce, 4 + saltBytes);
	const cipher = createCipheriv("aes-256-gcm", lane.key, nonce);
	cipher.setAAD(associatedData(keyring, out, options.name));
	out.set(cipher.update(payload), recordHeaderBytes);
	cipher.final();
	out.set(cipher.getAuthTag(), recordHeaderBytes + payload.length);
	return recordHeaderBytes + payload.length + tagBytes;
}

export type OpenOptions = {
	type: RecordType;
	name: Uint8Array;
	/** No more than this is ever unpacked, whatever the record claims. */
	maxPlainBytes: number;
	/** For the message: where the record lies. */
	object: string;
};

/** The verified plain bytes of a record. Throws DAMAGED with the reason. */
export function openRecord(keyring: Keyring, options: OpenOptions, record: Uint8Array): Buffer {
	const fail = (reason: string, cause?: unknown) =>
		damaged(options.object, `${reason} (${what(options.type)} ${Buffer.from(options.name).toString("hex")})`, cause);
	const overhead = recordHeaderBytes + (keyring.encrypt ? tagBytes : 0);
	if (record.length < overhead) throw fail("holds a record that is cut short");
	const flags = record[1] as number;
	if (record[0] !== options.type || ((flags & flagBits.encrypted) !== 0) !== keyring.encrypt) {
		throw fail("holds another kind of record where this one belongs");
	}
	const payload = keyring.encrypt ? decrypt(keyring, options, record, fail) : record.subarray(recordHeaderBytes);
	const plain = (flags & flagBits.compressed) !== 0 ? decompress(payload, options.maxPlainBytes, fail) : payload;
	if (plain.length > options.maxPlainBytes) throw fail("holds a record that is larger than it may be");
	// AES-GCM binds the name already; without encryption, and for the few pages always, the keyed hash decides.
	if (!keyring.encrypt || options.type === recordTypes.page) {
		if (!keyring.name(options.type, plain).equals(options.name))
			throw fail("holds bytes that do not hash to their name");
	}
	return Buffer.from(plain.buffer, plain.byteOffset, plain.byteLength);
}

type Fail = (reason: string, cause?: unknown) => Error;

function decrypt(keyring: Keyring, options: OpenOptions, record: Uint8Array, fail: Fail): Uint8Array {
	const salt = record.subarray(4, 4 + saltBytes);
	const nonce = record.subarray(4 + saltBytes, recordHeaderBytes);
	const decipher = createDecipheriv("aes-256-gcm", keyring.laneKey("record", salt), nonce);
	decipher.setAAD(associatedData(keyring, record, options.name));
	decipher.setAuthTag(record.subarray(record.length - tagBytes));
	const plain = decipher.update(record.subarray(recordHeaderBytes, record.length - tagBytes));
	try {
		decipher.final();
	} catch (error) {
		throw fail("holds a record that fails authentication", error);
	}
	return plain;
}

function associatedData(keyring: Keyring, recordHeader: Uint8Array, name: Uint8Array): Buffer {
	const version = Buffer.from([formatVersion, 0, 0, 0]);
	return Buffer.concat([recordHeader.subarray(0, 4), version, keyring.vaultIdBytes, name]);
}

function compress(plain: Uint8Array, level: number): Buffer {
	// One output block that always fits: the default of 16 KiB would be grown and joined many times.
	return zstdCompressSync(plain, {
		chunkSize: plain.length + (plain.length >> 6) + 512,
		params: { [zlib.ZSTD_c_compressionLevel]: level },
	});
}

function decompress(payload: Uint8Array, maxPlainBytes: number, fail: Fail): Buffer {
	try {
		return zstdDecompressSync(payload, { chunkSize: Math.max(maxPlainBytes, 64), maxOutputLength: maxPlainBytes });
	} catch (error) {
		throw fail("holds a record that does not decompress", error);
	}
}

const what = (type: RecordType) => (type === recordTypes.chunk ? "chunk" : "page");
