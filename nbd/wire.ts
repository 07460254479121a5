/** Numbers of the NBD protocol (doc/proto.md of the NetworkBlockDevice project), only those that we use. */

export const magic = {
	server: 0x4e42444d41474943n,
	option: 0x49484156454f5054n,
	optionReply: 0x3e889045565a9n,
	request: 0x25609513,
	simpleReply: 0x67446698,
	structuredReply: 0x668e33ef,
} as const;

export const handshakeFlags = { fixedNewstyle: 1, noZeroes: 2 } as const;

export const options = {
	exportName: 1,
	abort: 2,
	list: 3,
	info: 6,
	go: 7,
	structuredReply: 8,
	listMetaContext: 9,
	setMetaContext: 10,
} as const;

export const optionReplies = { ack: 1, server: 2, info: 3, metaContext: 4 } as const;
/** Errors that our server answers options with. */
export const optionRefusals = { unsupported: 1, invalid: 3, unknown: 6, tooBig: 9 } as const;
/** Option replies with this bit are errors. */
export const optionErrorBit = 0x80000000;
/** The export, option or context is unknown or refused. Values: the protocol's NBD_REP_ERR_*. */
export const optionErrors: Record<number, string> = {
	1: "the option is not supported",
	2: "policy forbids it",
	3: "the request was invalid",
	4: "the platform does not support it",
	5: "TLS is required",
	6: "there is no such export",
	7: "the server is shutting down",
	8: "block sizes must be negotiated",
	9: "the request was too big",
};

export const infos = { export: 0, name: 1, blockSize: 3 } as const;

export const transmissionFlags = {
	hasFlags: 1,
	readOnly: 1 << 1,
	canFlush: 1 << 2,
	canTrim: 1 << 5,
	canWriteZeroes: 1 << 6,
	canMultiConn: 1 << 8,
	canFastZero: 1 << 11,
} as const;

export const commands = {
	read: 0,
	write: 1,
	disconnect: 2,
	flush: 3,
	trim: 4,
	writeZeroes: 6,
	blockStatus: 7,
} as const;
export type Command = (typeof commands)[keyof typeof commands];

export const commandFlags = { noHole: 1 << 1, oneExtent: 1 << 3, fastZero: 1 << 4 } as const;

export const chunkTypes = { none: 0, data: 1, hole: 2, blockStatus: 5, error: 0x8001, errorOffset: 0x8002 } as const;
/** Structured reply chunks with this bit are errors. */
export const chunkErrorBit = 1 << 15;
export const chunkFlagDone = 1;

/** `base:allocation`: a hole has no storage of its own, zero reads as zeroes. Neither bit: data. */
export const allocationFlags = { hole: 1, zero: 2 } as const;

/** Errors in replies: a fixed subset of errno values. */
export const errnos: Record<number, string> = {
	1: "EPERM",
	5: "EIO",
	12: "ENOMEM",
	22: "EINVAL",
	28: "ENOSPC",
	75: "EOVERFLOW",
	95: "ENOTSUP",
	108: "ESHUTDOWN",
};

export const requestBytes = 28;

export type Request = { command: Command; flags?: number; cookie: bigint; offset: number; length: number };

export const encodeRequest = ({ command, flags = 0, cookie, offset, length }: Request): Buffer => {
	const bytes = Buffer.allocUnsafe(requestBytes);
	bytes.writeUInt32BE(magic.request, 0);
	bytes.writeUInt16BE(flags, 4);
	bytes.writeUInt16BE(command, 6);
	bytes.writeBigUInt64BE(cookie, 8);
	bytes.writeBigUInt64BE(BigInt(offset), 16);
	bytes.writeUInt32BE(length, 24);
	return bytes;
};

export const encodeOption = (option: number, data: Uint8Array = Buffer.alloc(0)): Buffer => {
	const head = Buffer.allocUnsafe(16);
	head.writeBigUInt64BE(magic.option, 0);
	head.writeUInt32BE(option, 8);
	head.writeUInt32BE(data.length, 12);
	return Buffer.concat([head, data]);
};

/** A string as options carry it: length in four bytes, then UTF-8. */
export const encodeText = (text: string): Buffer => {
	const bytes = Buffer.from(text, "utf8");
	const length = Buffer.allocUnsafe(4);
	length.writeUInt32BE(bytes.length);
	return Buffer.concat([length, bytes]);
};

export const encodeCount = (count: number): Buffer => {
	const bytes = Buffer.allocUnsafe(4);
	bytes.writeUInt32BE(count);
	return bytes;
};
