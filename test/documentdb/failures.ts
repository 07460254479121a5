import { BSON, type Document } from "mongodb";

/**
 * MongoDB's error codes for DocumentDB's SQLSTATEs, as far as the suites meet them. Each was seen here: the message that
 * came with it says which of MongoDB's errors it is.
 */
const codes: Record<string, { code: number; codeName: string }> = {
	M0001: { code: 2, codeName: "BadValue" },
	M0003: { code: 9, codeName: "FailedToParse" },
	M0004: { code: 14, codeName: "TypeMismatch" },
	M0009: { code: 27, codeName: "IndexNotFound" },
	M000A: { code: 28, codeName: "PathNotViable" },
	M000D: { code: 40, codeName: "ConflictingUpdateOperators" },
	M000E: { code: 43, codeName: "CursorNotFound" },
	M000I: { code: 54, codeName: "NotSingleValueField" },
	M000M: { code: 66, codeName: "ImmutableField" },
	M000P: { code: 72, codeName: "InvalidOptions" },
	M000Q: { code: 73, codeName: "InvalidNamespace" },
	M000R: { code: 85, codeName: "IndexOptionsConflict" },
	M000S: { code: 86, codeName: "IndexKeySpecsConflict" },
	M001C: { code: 11000, codeName: "DuplicateKey" },
	M001O: { code: 15958, codeName: "Location15958" },
	M0059: { code: 31254, codeName: "Location31254" },
	M007U: { code: 40324, codeName: "Location40324" },
};

const unknown = 8;

export function codeOf(sqlState: string): { code: number; codeName: string } {
	return codes[sqlState] ?? { code: unknown, codeName: `SQLSTATE ${sqlState}` };
}

/** In write errors the engine packs a SQLSTATE into a number: six bits a character, the first lowest. */
function unpack(packed: number): string {
	const characters = Array.from({ length: 5 }, (_, i) => String.fromCharCode(((packed >> (6 * i)) & 63) + 48));
	return characters.join("");
}

/** An answer with its write errors' codes translated. */
export function translate(answer: Buffer): Uint8Array {
	if (!answer.includes("writeErrors")) return answer;
	const reply = BSON.deserialize(answer, { promoteValues: false });
	for (const error of reply.writeErrors as Document[]) error.code = codeOf(unpack(Number(error.code))).code;
	return BSON.serialize(reply);
}

export function failureReply(error: { code?: string; message: string }): Uint8Array {
	return BSON.serialize({ ok: 0, errmsg: error.message, ...codeOf(error.code ?? "") });
}
