import { VaultError, type VaultErrorCode } from "../errors.ts";

type Sentence = { code: VaultErrorCode; says: (where: string) => string };

/** By the store's own code; what is not here goes by its HTTP status. */
const byName: Record<string, Sentence> = {
	NoSuchBucket: { code: "TARGET_MISSING", says: (where) => `There is no ${where}: make it, or correct its name.` },
	NoSuchKey: { code: "NOT_FOUND", says: (where) => `There is no such object in the ${where}.` },
	NotFound: { code: "NOT_FOUND", says: (where) => `There is no such object in the ${where}.` },
	AccessDenied: { code: "TARGET_DENIED", says: (where) => `The ${where} does not let these credentials in.` },
	InvalidAccessKeyId: { code: "TARGET_DENIED", says: (where) => `The ${where} does not know this access key.` },
	SignatureDoesNotMatch: { code: "TARGET_DENIED", says: (where) => `The secret key is not the one of the ${where}.` },
	RequestTimeTooSkewed: {
		code: "TARGET_DENIED",
		says: (where) => `The clock of this host and that of the ${where} differ too much: set this host's clock.`,
	},
	ExpiredToken: { code: "TARGET_DENIED", says: (where) => `The credentials for the ${where} have expired.` },
	QuotaExceeded: { code: "TARGET_FULL", says: (where) => `The quota of the ${where} is used up.` },
	EntityTooLarge: { code: "TARGET_FULL", says: (where) => `The ${where} takes no object of that size.` },
	PermanentRedirect: { code: "TARGET_DENIED", says: (where) => `The ${where} is in another region: give that one.` },
	AuthorizationHeaderMalformed: {
		code: "TARGET_DENIED",
		says: (where) => `The ${where} is in another region, or the credentials are not of its kind.`,
	},
	CredentialsProviderError: { code: "TARGET_DENIED", says: (where) => `No credentials were given for the ${where}.` },
	BadDigest: { code: "TARGET_FAILED", says: (where) => `What was sent to the ${where} was changed on the way.` },
};

const byStatus: Record<number, Sentence> = {
	301: byName.PermanentRedirect as Sentence,
	401: byName.AccessDenied as Sentence,
	403: byName.AccessDenied as Sentence,
	404: byName.NoSuchKey as Sentence,
	413: byName.EntityTooLarge as Sentence,
	507: { code: "TARGET_FULL", says: (where) => `The ${where} is full.` },
};

type S3Failure = { name?: string; Code?: string; code?: string; $metadata?: { httpStatusCode?: number } };

export function isS3Status(error: unknown, ...statuses: number[]): boolean {
	return statuses.includes((error as S3Failure)?.$metadata?.httpStatusCode ?? 0);
}

/** Turns what the AWS SDK throws into the vault's code and sentence. */
export function s3Error(cause: unknown, where: string, key: string): VaultError {
	const { name = "", Code = "", $metadata } = cause as S3Failure;
	const status = $metadata?.httpStatusCode;
	const known = byName[Code] ?? byName[name] ?? (status === undefined ? undefined : byStatus[status]);
	if (known !== undefined) return new VaultError(known.code, `${key}: ${known.says(where)}`, { cause, object: key });
	const message = cause instanceof Error ? cause.message : String(cause);
	// Without a status there was no answer: the network, a name, a certificate. 5xx and 429 outlived all retries.
	const gone = status === undefined || status >= 500 || status === 429;
	const said = `${key}: the ${where} ${status === undefined ? "cannot be reached" : `answered ${status}`}: ${message}.`;
	return new VaultError(gone ? "TARGET_UNREACHABLE" : "TARGET_FAILED", said, { cause, object: key });
}
