import type { Document } from "bson";

/**
 * Error codes of the MongoDB server that this store answers with (names and numbers as in MongoDB's
 * `error_codes.yml`), so that a caller handles the embedded store and a real server in one way.
 */
export const failureCodes = {
	InternalError: 1,
	BadValue: 2,
	FailedToParse: 9,
	Unauthorized: 13,
	TypeMismatch: 14,
	Overflow: 15,
	InvalidLength: 16,
	IllegalOperation: 20,
	NamespaceNotFound: 26,
	IndexNotFound: 27,
	PathNotViable: 28,
	ConflictingUpdateOperators: 40,
	CursorNotFound: 43,
	NamespaceExists: 48,
	MaxTimeMSExpired: 50,
	DollarPrefixedFieldName: 52,
	InvalidIdField: 53,
	NotSingleValueField: 54,
	EmptyFieldName: 56,
	CommandNotFound: 59,
	ImmutableField: 66,
	CannotCreateIndex: 67,
	InvalidOptions: 72,
	InvalidNamespace: 73,
	IndexOptionsConflict: 85,
	IndexKeySpecsConflict: 86,
	UnsatisfiableWriteConcern: 100,
	InvalidPipelineOperator: 168,
	CannotIndexParallelArrays: 171,
	OperationNotSupportedInTransaction: 263,
	QueryExceededMemoryLimit: 292,
	APIVersionError: 322,
	UnsupportedOpQueryCommand: 352,
	BSONObjectTooLarge: 10334,
	DuplicateKey: 11000,
	OutOfDiskSpace: 14031,
	LimitNotPositive: 15958,
	InvalidPipelineStage: 40324,
	UnknownCommandField: 40415,
	PathCollision: 31250,
	InclusionInExclusion: 31253,
	ExclusionInInclusion: 31254,
} as const;

export type FailureName = keyof typeof failureCodes;

/** A refusal that the client sees as a server error with MongoDB's code; `details` are extra reply fields. */
export class Failure extends Error {
	readonly codeName: FailureName;
	readonly code: number;
	readonly details: Document;

	constructor(codeName: FailureName, message: string, details: Document = {}) {
		super(message);
		this.name = "Failure";
		this.codeName = codeName;
		this.code = failureCodes[codeName];
		this.details = details;
	}
}

/** Throws what a caller gets for something MongoDB can do and this store deliberately cannot. */
export function refuse(what: string, codeName: FailureName = "BadValue"): never {
	throw new Failure(codeName, `${what} is outside the subset of the embedded document store; use a MongoDB server`);
}
