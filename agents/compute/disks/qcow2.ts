import { type FileHandle, open } from "node:fs/promises";

/**
 * What a qcow2 header says about other files. Read by us and not by `qemu-img info`, which would open those files in
 * order to tell about them. Layout: QEMU's docs/interop/qcow2.txt.
 */
export type Qcow2Header = {
	sizeBytes: number;
	/** As written in the header, relative to the image's folder or absolute. */
	backingFile: string | undefined;
	backingFormat: string | undefined;
	/** The data is in another file that the header names. */
	externalData: boolean;
	encrypted: boolean;
};

const magic = 0x514649fb;
const headerV2Bytes = 72;
const headerV3Bytes = 104;
const externalDataBit = 1n << 2n;
const extensions = { end: 0, backingFormat: 0xe2792aca, dataFile: 0x44415441 } as const;
/** The header and its extensions lie in the first cluster, which has at least 512 bytes; 64 KiB is the usual one. */
const readBytes = 64 * 1024;
/** The format's own limit. */
const maxNameBytes = 1023;

const readStart = async (file: FileHandle): Promise<Buffer> => {
	const bytes = Buffer.alloc(readBytes);
	const { bytesRead } = await file.read(bytes, 0, readBytes, 0);
	return bytes.subarray(0, bytesRead);
};

const readName = async (file: FileHandle, offset: number, length: number): Promise<string> => {
	if (length > maxNameBytes) throw new Error("its backing file's name is too long");
	const bytes = Buffer.alloc(length);
	const { bytesRead } = await file.read(bytes, 0, length, offset);
	if (bytesRead !== length) throw new Error("it ends within its header");
	return bytes.toString("utf8");
};

/** Undefined when the file does not start as a qcow2 image does. Throws a plain Error with the reason when it is broken. */
export const readQcow2Header = async (path: string): Promise<Qcow2Header | undefined> => {
	const file = await open(path, "r");
	try {
		const start = await readStart(file);
		if (start.length < 8 || start.readUInt32BE(0) !== magic) return undefined;
		const version = start.readUInt32BE(4);
		if (version !== 2 && version !== 3) throw new Error(`it is qcow2 of the unknown version ${version}`);
		if (start.length < headerV3Bytes) throw new Error("it ends within its header");
		const incompatible = version === 3 ? start.readBigUInt64BE(72) : 0n;
		const header: Qcow2Header = {
			sizeBytes: Number(start.readBigUInt64BE(24)),
			backingFile: undefined,
			backingFormat: undefined,
			externalData: (incompatible & externalDataBit) !== 0n,
			encrypted: start.readUInt32BE(32) !== 0,
		};
		const nameOffset = Number(start.readBigUInt64BE(8));
		if (nameOffset !== 0) header.backingFile = await readName(file, nameOffset, start.readUInt32BE(16));
		for (let at = version === 3 ? start.readUInt32BE(100) : headerV2Bytes; at + 8 <= start.length; ) {
			const type = start.readUInt32BE(at);
			const length = start.readUInt32BE(at + 4);
			if (type === extensions.end) break;
			if (type === extensions.dataFile) header.externalData = true;
			if (type === extensions.backingFormat) header.backingFormat = start.toString("latin1", at + 8, at + 8 + length);
			at += 8 + Math.ceil(length / 8) * 8;
		}
		return header;
	} finally {
		await file.close();
	}
};
