import { randomBytes, randomUUID } from "node:crypto";
import { isVaultError, VaultError } from "./errors.ts";
import { objectTypes } from "./format/constants.ts";
import { type ConfigDocument, openDocument, parseDocument, sealDocument } from "./format/documents.ts";
import { frameObject, splitObject } from "./format/envelope.ts";
import { configKey, folders, uuidToBytes } from "./format/names.ts";
import { type Keyring, makeKeyring } from "./keyring.ts";
import type { KeyProvider, WrappedKey } from "./keys.ts";
import type { Target } from "./target.ts";

/** A vault's identity on its target: the config object, and one wrapped copy of the vault key per key that opens it. */
export type Identity = { config: ConfigDocument; keyring: Keyring };

/** Undefined where the target holds no vault. Throws WRONG_KEY, DAMAGED and the target's errors. */
export async function readIdentity(target: Target, keys: KeyProvider): Promise<Identity | undefined> {
	let bytes: Uint8Array;
	try {
		bytes = await target.get(configKey);
	} catch (error) {
		if (isVaultError(error, "NOT_FOUND")) return undefined;
		throw error;
	}
	const { header, body } = splitObject(objectTypes.config, configKey, bytes);
	const vaultKey = await unwrapKey(target, keys, header.vaultId);
	const { encrypt } = parseDocument("config", configKey, body);
	const keyring = makeKeyring({ vaultKey, vaultId: header.vaultId, encrypt });
	return { keyring, config: openDocument(keyring, "config", configKey, bytes) };
}

/**
 * Writes key and config; the config's conditional put decides between several creators, and the losers take away the
 * key that they wrote. The key is there first: a config without a key would be a vault that nobody can open.
 */
export async function writeIdentity(target: Target, keys: KeyProvider, config: ConfigDocument): Promise<void> {
	const vaultId = randomUUID();
	const vaultKey = randomBytes(32);
	const keyring = makeKeyring({ vaultKey, vaultId, encrypt: config.encrypt });
	const keyId = randomBytes(16).toString("hex");
	const key = `${folders.keys}${vaultId}/${keyId}`;
	const wrapped = await keys.wrap(vaultKey, Buffer.from(key));
	const body = Buffer.from(JSON.stringify(wrapped));
	await target.put(key, [frameObject(uuidToBytes(vaultId), objectTypes.key, body)], { ifAbsent: true });
	try {
		await target.put(configKey, [sealDocument(keyring, configKey, config)], { ifAbsent: true });
	} catch (error) {
		if (!isVaultError(error, "EXISTS")) throw error;
		// A lost reply followed by a retry looks the same as a lost race: only another vault's config makes ours garbage.
		const { header } = splitObject(objectTypes.config, configKey, await target.get(configKey));
		if (header.vaultId !== vaultId) await target.delete(key);
	}
}

async function unwrapKey(target: Target, keys: KeyProvider, vaultId: string): Promise<Buffer> {
	let damage: unknown;
	for await (const { key } of target.list(`${folders.keys}${vaultId}/`)) {
		try {
			const { body } = splitObject(objectTypes.key, key, await target.get(key));
			const opened = await keys.unwrap(JSON.parse(body.toString("utf8")) as WrappedKey, Buffer.from(key));
			if (opened !== undefined) return opened;
		} catch (error) {
			// One damaged copy must not lock out a key whose own copy is whole.
			if (!isVaultError(error, "DAMAGED", "NOT_FOUND") && !(error instanceof SyntaxError)) throw error;
			damage = error;
		}
	}
	if (isVaultError(damage)) throw damage;
	const sentence = `The ${keys.description} does not open the vault ${vaultId} in the ${target.description}.`;
	throw new VaultError("WRONG_KEY", sentence);
}
