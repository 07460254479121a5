import { createCipheriv, createDecipheriv, hkdfSync, randomBytes, type ScryptOptions, scrypt } from "node:crypto";
import { open } from "node:fs/promises";
import { VaultError } from "./errors.ts";

/**
 * Wraps and unwraps a vault's key. A provider may ask a key service instead of holding a secret; what it returns is
 * stored as it is and must authenticate itself. `context` is bound in: a wrapped key of another vault is refused.
 */
export type KeyProvider = {
	/** For sentences: "key file /etc/holdfast/key". Never the secret. */
	readonly description: string;
	wrap(vaultKey: Uint8Array, context: Uint8Array): Promise<WrappedKey>;
	/** Undefined when this provider's key does not open it. */
	unwrap(wrapped: WrappedKey, context: Uint8Array): Promise<Buffer | undefined>;
};

/** Plain JSON. `scheme` names who can read the rest. */
export type WrappedKey = { scheme: string } & Record<string, string | number>;

const schemes = { key: "hkdf-sha256+aes-256-gcm", passphrase: "scrypt+aes-256-gcm" } as const;
/** 32 MiB and about a quarter of a second: RFC 7914's parameters, at today's recommended cost. */
const scryptCost = { N: 2 ** 15, r: 8, p: 3 } as const;
/** What a stored cost may ask of us at most: a forged one must not eat the memory. */
const maxScryptMemoryBytes = 256 * 1024 * 1024;
const minPassphraseCharacters = 12;

/**
 * A key file: 64 hexadecimal digits (32 random bytes), or a passphrase of at least 12 characters on one line. Refuses
 * a file that others than its owner may read. Read when needed, not kept. Throws KEY_FILE.
 */
export function keyFromFile(path: string): KeyProvider {
	const description = `key file ${path}`;
	return {
		description,
		async wrap(vaultKey, context) {
			const secret = await readSecret(path);
			const salt = randomBytes(16);
			const scheme = secret.random ? schemes.key : schemes.passphrase;
			const cost = secret.random ? {} : scryptCost;
			const wrapping = await wrappingKey(secret.bytes, salt, scheme, cost);
			const nonce = randomBytes(12);
			const cipher = createCipheriv("aes-256-gcm", wrapping, nonce);
			cipher.setAAD(context);
			const sealed = Buffer.concat([cipher.update(vaultKey), cipher.final(), cipher.getAuthTag()]);
			return {
				scheme,
				...cost,
				salt: salt.toString("hex"),
				nonce: nonce.toString("hex"),
				sealed: sealed.toString("hex"),
			};
		},
		async unwrap(wrapped, context) {
			const secret = await readSecret(path);
			if (wrapped.scheme !== (secret.random ? schemes.key : schemes.passphrase)) return undefined;
			const hex = (field: string) => Buffer.from(String(wrapped[field] ?? ""), "hex");
			const wrapping = await wrappingKey(secret.bytes, hex("salt"), wrapped.scheme, wrapped);
			const sealed = hex("sealed");
			if (sealed.length !== 48 || hex("nonce").length !== 12) return undefined;
			const decipher = createDecipheriv("aes-256-gcm", wrapping, hex("nonce"));
			decipher.setAAD(context);
			decipher.setAuthTag(sealed.subarray(32));
			try {
				return Buffer.concat([decipher.update(sealed.subarray(0, 32)), decipher.final()]);
			} catch {
				return undefined;
			}
		},
	};
}

/** Writes a new random key, readable by its owner only. Throws KEY_FILE if the file exists: a key is never overwritten. */
export async function createKeyFile(path: string): Promise<void> {
	try {
		const file = await open(path, "wx", 0o600);
		try {
			await file.writeFile(`${randomBytes(32).toString("hex")}\n`);
			await file.sync();
		} finally {
			await file.close();
		}
	} catch (cause) {
		const exists = (cause as NodeJS.ErrnoException).code === "EEXIST";
		const why = exists ? "it exists already, and a key is never overwritten" : (cause as Error).message;
		throw new VaultError("KEY_FILE", `The key file ${path} could not be written: ${why}.`, { cause });
	}
}

async function readSecret(path: string): Promise<{ random: boolean; bytes: Buffer }> {
	let text: string;
	let mode: number;
	try {
		const file = await open(path, "r");
		try {
			mode = (await file.stat()).mode;
			text = (await file.readFile("utf8")).replace(/\r?\n$/, "");
		} finally {
			await file.close();
		}
	} catch (cause) {
		throw new VaultError("KEY_FILE", `The key file ${path} cannot be read: ${(cause as Error).message}.`, { cause });
	}
	if ((mode & 0o077) !== 0) {
		throw new VaultError(
			"KEY_FILE",
			`The key file ${path} may be read by others than its owner. Run: chmod 600 ${path}`,
		);
	}
	if (/^[0-9a-fA-F]{64}$/.test(text)) return { random: true, bytes: Buffer.from(text, "hex") };
	if (text.length < minPassphraseCharacters || text.includes("\n")) {
		const sentence = `The key file ${path} holds neither 64 hexadecimal digits nor one line with a passphrase of at least ${minPassphraseCharacters} characters.`;
		throw new VaultError("KEY_FILE", sentence);
	}
	return { random: false, bytes: Buffer.from(text.normalize("NFC"), "utf8") };
}

async function wrappingKey(
	secret: Buffer,
	salt: Buffer,
	scheme: string,
	cost: Record<string, unknown>,
): Promise<Buffer> {
	if (scheme === schemes.key) return Buffer.from(hkdfSync("sha256", secret, salt, "holdfast vault 1: wrapping", 32));
	const { N, r, p } = cost as { N: number; r: number; p: number };
	const whole = [N, r, p].every((n) => Number.isSafeInteger(n) && n > 0);
	if (!whole || 128 * N * r > maxScryptMemoryBytes || p > 16) {
		throw new VaultError("DAMAGED", "A wrapped key asks for an impossible passphrase cost.");
	}
	const options: ScryptOptions = { N, r, p, maxmem: maxScryptMemoryBytes + 1024 * 1024 };
	return new Promise((resolve, reject) =>
		scrypt(secret, salt, 32, options, (error, key) => (error === null ? resolve(key) : reject(error))),
	);
}
