import { randomBytes } from "node:crypto";
import { readIdentity } from "./config.ts";
import { isVaultError, VaultError } from "./errors.ts";
import { objectTypes } from "./format/constants.ts";
import { frameObject, splitObject } from "./format/envelope.ts";
import { folders } from "./format/names.ts";
import type { Keyring } from "./keyring.ts";
import type { KeyProvider, WrappedKey } from "./keys.ts";
import type { Target } from "./target.ts";

/**
 * Lets `added` open the vault too; `keys` goes on to. No data is rewritten. May be called again: a provider that opens
 * the vault already gets no second object. Throws NOT_FOUND where there is no vault, WRONG_KEY, and the target's errors.
 */
export async function addKey(options: { target: Target; keys: KeyProvider; added: KeyProvider }): Promise<void> {
	await wrapFor(options.target, await keyringOf(options.target, options.keys), options.added);
}

/**
 * Makes `to` open the vault in place of `from`; other keys are left as they are. The old objects go only once the new
 * one was read back and opened, so whatever stops this, `from` or `to` opens the vault, and calling it again ends it.
 * One rotation of a vault at a time: two in opposite directions would each delete what the other relies on.
 */
export async function rotateKey(options: { target: Target; from: KeyProvider; to: KeyProvider }): Promise<void> {
	const { target, from, to } = options;
	let keyring: Keyring;
	try {
		keyring = await keyringOf(target, from);
	} catch (error) {
		if (!isVaultError(error, "WRONG_KEY")) throw error;
		// What an earlier call that ended, or was stopped after its last step, leaves behind.
		await keyringOf(target, to);
		return;
	}
	await wrapFor(target, keyring, to);
	for (const key of await keyObjects(target, keyring)) {
		if ((await opens(target, keyring, from, key)) && !(await opens(target, keyring, to, key))) await target.delete(key);
	}
}

async function keyringOf(target: Target, keys: KeyProvider): Promise<Keyring> {
	const identity = await readIdentity(target, keys);
	if (identity === undefined) throw new VaultError("NOT_FOUND", `There is no vault in the ${target.description}.`);
	return identity.keyring;
}

/** Leaves with a key object on the target that `keys` has opened. */
async function wrapFor(target: Target, keyring: Keyring, keys: KeyProvider): Promise<void> {
	for (const key of await keyObjects(target, keyring)) if (await opens(target, keyring, keys, key)) return;
	const key = `${folders.keys}${keyring.vaultId}/${randomBytes(16).toString("hex")}`;
	const body = Buffer.from(JSON.stringify(await keys.wrap(keyring.seed.vaultKey, Buffer.from(key))));
	await target.put(key, [frameObject(keyring.vaultIdBytes, objectTypes.key, body)], { ifAbsent: true });
	if (await opens(target, keyring, keys, key)) return;
	throw new VaultError("WRONG_KEY", `The ${keys.description} does not open the key object that it has just wrapped.`);
}

async function keyObjects(target: Target, keyring: Keyring): Promise<string[]> {
	const keys: string[] = [];
	for await (const { key } of target.list(`${folders.keys}${keyring.vaultId}/`)) keys.push(key);
	return keys;
}

/** Whether this object gives this vault's key to the provider. A damaged one gives it to nobody. */
async function opens(target: Target, keyring: Keyring, keys: KeyProvider, key: string): Promise<boolean> {
	try {
		const { body } = splitObject(objectTypes.key, key, await target.get(key));
		const opened = await keys.unwrap(JSON.parse(body.toString("utf8")) as WrappedKey, Buffer.from(key));
		return opened?.equals(keyring.seed.vaultKey) ?? false;
	} catch (error) {
		if (isVaultError(error, "DAMAGED", "NOT_FOUND") || error instanceof SyntaxError) return false;
		throw error;
	}
}
