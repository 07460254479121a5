import { createHash } from "node:crypto";
import {
	DeleteObjectCommand,
	GetObjectCommand,
	HeadObjectCommand,
	ListObjectsV2Command,
	PutObjectCommand,
	S3Client,
} from "@aws-sdk/client-s3";
import { badArgument, isVaultError, VaultError } from "../errors.ts";
import { type ByteRange, isTargetKey, maxObjectBytes, type Target, type TargetCapabilities } from "../target.ts";
import { isS3Status, s3Error } from "./s3-error.ts";

export type S3TargetOptions = {
	bucket: string;
	/** Before every key, without slashes at its ends. Several targets may share a bucket by their prefixes. */
	prefix?: string;
	/** `https://s3.example.org`; without it, AWS of the region. */
	endpoint?: string;
	/** Default `us-east-1`, which most stores of their own take. */
	region?: string;
	/** Where they are missing, the AWS SDK looks in the environment and its files. */
	credentials?: { accessKeyId: string; secretAccessKey: string };
	/** The bucket in the path and not in the host's name. Default true with an endpoint. */
	pathStyle?: boolean;
	/** From `probeTarget`: what this store really does. Default: what AWS does, but no conditional put. */
	capabilities?: Partial<TargetCapabilities>;
	/** One call with its retries. Default two minutes and a half minute for each 8 MiB. */
	deadlineMs?: number;
	/** Requests at the same time. Default 16. */
	connections?: number;
};

const defaultDeadlineMs = 120_000;
const slowestBytesPerMs = (8 * 1024 * 1024) / 30_000;
const defaultConnections = 16;
/** The SDK repeats what may pass (5xx, 429, resets) with growing, jittered pauses. */
const maxAttempts = 5;
const connectTimeoutMs = 10_000;
/** A connection on which nothing moves for so long is dead. */
const socketTimeoutMs = 60_000;
/** Keys of one page of a list: S3's most. */
const pageKeys = 1_000;

/**
 * Objects of an S3 bucket. A put is one request, so an object is there whole or not at all; its checksum (Content-MD5)
 * makes the store refuse what was changed on the way, and packs and pages authenticate themselves when they are read.
 * A conditional put (`If-None-Match: *`) is used where `capabilities.conditionalPut` says that the store keeps it.
 */
export function s3Target(options: S3TargetOptions): Target & { close(): void } {
	const { bucket, prefix = "", endpoint, deadlineMs, connections = defaultConnections } = options;
	checkOptions(options);
	const description = `bucket ${bucket}${prefix === "" ? "" : `/${prefix}`}${endpoint === undefined ? "" : ` at ${endpoint}`}`;
	const capabilities: TargetCapabilities = {
		conditionalPut: false,
		atomicPut: true,
		listAfterWrite: true,
		objectLock: false,
		...options.capabilities,
	};
	const client = new S3Client({
		region: options.region ?? "us-east-1",
		...(endpoint !== undefined && { endpoint }),
		...(options.credentials && { credentials: options.credentials }),
		forcePathStyle: options.pathStyle ?? endpoint !== undefined,
		maxAttempts,
		// The SDK's own checksums are in trailers that Ceph and Swift do not read; Content-MD5 everybody does.
		requestChecksumCalculation: "WHEN_REQUIRED",
		responseChecksumValidation: "WHEN_REQUIRED",
		requestHandler: {
			connectionTimeout: connectTimeoutMs,
			requestTimeout: socketTimeoutMs,
			httpAgent: { maxSockets: connections, keepAlive: true },
			httpsAgent: { maxSockets: connections, keepAlive: true },
		},
	});
	const inBucket = (key: string) => ({ Bucket: bucket, Key: prefix === "" ? key : `${prefix}/${key}` });

	/** Runs one call within its deadline; every error comes out as the vault's own. */
	async function guarded<T>(
		key: string,
		{ bytes = 0, signal }: { bytes?: number; signal?: AbortSignal | undefined },
		work: (signal: AbortSignal) => Promise<T>,
	): Promise<T> {
		if (!isTargetKey(key.replace(/\/$/, ""))) throw badArgument(`"${key}" is no key of a target.`);
		if (signal?.aborted) throw new VaultError("ABORTED", "The work was stopped.", { cause: signal.reason });
		const limitMs = deadlineMs ?? defaultDeadlineMs + Math.round(bytes / slowestBytesPerMs);
		const late = AbortSignal.timeout(limitMs);
		try {
			return await work(signal === undefined ? late : AbortSignal.any([signal, late]));
		} catch (error) {
			if (isVaultError(error)) throw error;
			if (signal?.aborted) throw new VaultError("ABORTED", "The work was stopped.", { cause: error });
			if (!late.aborted) throw s3Error(error, description, key);
			const sentence = `The ${description} did not answer within ${Math.round(limitMs / 1000)} seconds.`;
			throw new VaultError("TARGET_UNREACHABLE", sentence, { cause: error, object: key });
		}
	}

	async function exists(key: string, abortSignal: AbortSignal): Promise<boolean> {
		try {
			await client.send(new HeadObjectCommand(inBucket(key)), { abortSignal });
			return true;
		} catch (error) {
			if (isS3Status(error, 404)) return false;
			throw error;
		}
	}

	const there = (key: string) => new VaultError("EXISTS", `The ${description} already has ${key}.`, { object: key });

	async function put(key: string, body: readonly Uint8Array[], ifAbsent: boolean, abortSignal: AbortSignal) {
		const conditional = ifAbsent && capabilities.conditionalPut;
		if (ifAbsent && !conditional && (await exists(key, abortSignal))) throw there(key);
		const bytes = body.length === 1 ? (body[0] as Uint8Array) : Buffer.concat(body);
		const command = new PutObjectCommand({
			...inBucket(key),
			Body: bytes,
			ContentLength: bytes.length,
			ContentMD5: md5(bytes),
			...(conditional && { IfNoneMatch: "*" }),
		});
		try {
			await client.send(command, { abortSignal });
		} catch (error) {
			// 409: another conditional put of this key was under way at the same moment.
			if (conditional && isS3Status(error, 412, 409)) throw there(key);
			throw error;
		}
	}

	async function lastBytes(key: string, count: number, abortSignal: AbortSignal): Promise<Uint8Array> {
		const { ContentLength: size = 0 } = await client.send(new HeadObjectCommand(inBucket(key)), { abortSignal });
		if (size === 0) return new Uint8Array(0);
		const range = { offset: Math.max(0, size - count), length: Math.min(count, size) };
		const command = new GetObjectCommand({ ...inBucket(key), Range: rangeHeader(range) });
		const { Body } = await client.send(command, { abortSignal });
		return (await Body?.transformToByteArray()) ?? new Uint8Array(0);
	}

	return {
		description,
		capabilities,
		put: (key, body, { ifAbsent = false, signal } = {}) =>
			guarded(key, { bytes: sizeOf(body), signal }, (abort) => put(key, body, ifAbsent, abort)),
		get: (key, { range, signal } = {}) =>
			guarded(key, { bytes: maxObjectBytes / 2, signal }, async (abortSignal) => {
				if (range !== undefined && "length" in range && range.length === 0) return new Uint8Array(0);
				try {
					const command = new GetObjectCommand({ ...inBucket(key), ...(range && { Range: rangeHeader(range) }) });
					const { Body, ContentLength = 0, ContentRange } = await client.send(command, { abortSignal });
					if (range === undefined && ContentLength > maxObjectBytes) {
						(Body as { destroy?: () => void } | undefined)?.destroy?.();
						throw new VaultError(
							"DAMAGED",
							`${key} has ${ContentLength} bytes: no object that is read whole is so large.`,
						);
					}
					const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array(0);
					// Some stores read "the last n bytes" as "the first n".
					if (range !== undefined && "last" in range && !isEnd(ContentRange, range.last)) {
						return await lastBytes(key, range.last, abortSignal);
					}
					if (bytes.length !== ContentLength)
						throw Object.assign(new Error("the body was cut short"), { code: "ECONNRESET" });
					return bytes;
				} catch (error) {
					// A range behind the end of the object.
					if (isS3Status(error, 416)) return new Uint8Array(0);
					throw error;
				}
			}),
		head: (key) =>
			guarded(key, {}, async (abortSignal) => {
				const { ContentLength = 0 } = await client.send(new HeadObjectCommand(inBucket(key)), { abortSignal });
				return { sizeBytes: ContentLength };
			}),
		async *list(folder) {
			const skip = prefix === "" ? 0 : prefix.length + 1;
			let token: string | undefined;
			do {
				const page = await guarded(folder, {}, (abortSignal) => {
					const where = { Bucket: bucket, Prefix: inBucket(folder).Key, MaxKeys: pageKeys };
					return client.send(new ListObjectsV2Command({ ...where, ...(token && { ContinuationToken: token }) }), {
						abortSignal,
					});
				});
				for (const { Key, Size = 0 } of page.Contents ?? []) {
					if (Key !== undefined && isTargetKey(Key.slice(skip))) yield { key: Key.slice(skip), sizeBytes: Size };
				}
				token = page.IsTruncated ? page.NextContinuationToken : undefined;
			} while (token !== undefined);
		},
		delete: (key) =>
			guarded(key, {}, async (abortSignal) => {
				try {
					await client.send(new DeleteObjectCommand(inBucket(key)), { abortSignal });
				} catch (error) {
					// Some stores say that an absent object is absent.
					if (s3Error(error, description, key).code !== "NOT_FOUND") throw error;
				}
			}),
		close: () => client.destroy(),
	};
}

const md5 = (bytes: Uint8Array): string => createHash("md5").update(bytes).digest("base64");
const sizeOf = (body: readonly Uint8Array[]): number => body.reduce((sum, { length }) => sum + length, 0);
/** Whether an answer's `Content-Range` is the end of its object, `count` bytes of it or all. */
function isEnd(contentRange: string | undefined, count: number): boolean {
	const [, from, to, size] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(contentRange ?? "") ?? [];
	return Number(to) === Number(size) - 1 && Number(from) === Math.max(0, Number(size) - count);
}
const rangeHeader = (range: ByteRange): string =>
	"last" in range ? `bytes=-${range.last}` : `bytes=${range.offset}-${range.offset + range.length - 1}`;

function checkOptions({ bucket, prefix = "", endpoint, connections }: S3TargetOptions): void {
	if (!/^[A-Za-z0-9][A-Za-z0-9._-]{1,62}$/.test(bucket)) throw badArgument(`"${bucket}" is no name of a bucket.`);
	if (!/^([A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*)?$/.test(prefix)) {
		throw badArgument(
			`The prefix "${prefix}" is not usable: parts of letters, digits, ".", "_" or "-", with "/" between.`,
		);
	}
	if (endpoint !== undefined && !/^https?:\/\/[^/]+\/?$/.test(endpoint)) {
		throw badArgument(`The endpoint "${endpoint}" must be http:// or https:// with a host, and no path.`);
	}
	if (connections !== undefined && !(Number.isInteger(connections) && connections > 0)) {
		throw badArgument(`${connections} connections are not possible: use a whole number from 1.`);
	}
}
