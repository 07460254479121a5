import { MongoServerError } from "mongodb";

/** MongoDB's code for "a document with this key exists". */
const duplicateKey = 11_000;

export const isDuplicate = (error: unknown): boolean =>
	error instanceof MongoServerError && error.code === duplicateKey;
