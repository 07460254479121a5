import { badArgument, VaultError } from "../errors.ts";
import type { ManifestRef, VaultWriter } from "../vault.ts";
import type { Account } from "./account.ts";
import type { DiskWriterOptions } from "./disk.ts";
import { newDiskWriter } from "./disk.ts";

export type WriterParts = Pick<DiskWriterOptions, "store" | "account" | "pages" | "chunkBytes" | "onFinish"> & {
	/** Opens the base after making sure that a committed snapshot holds it. */
	openBase: (ref: ManifestRef) => Promise<NonNullable<DiskWriterOptions["base"]>["disk"]>;
	onClose: () => void;
};

export function newWriter({ openBase, onClose, ...parts }: WriterParts): VaultWriter {
	const { account, store } = parts;
	let closed = false;
	const check = () => {
		if (closed) throw new VaultError("CLOSED", "The writer was closed.");
		account.check();
	};
	return {
		stats: account.stats,
		async disk({ sizeBytes, base }) {
			check();
			if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0)
				throw badArgument(`A disk cannot have ${sizeBytes} bytes.`);
			const from = base && { ref: base, disk: await openBase(base) };
			return newDiskWriter({ ...parts, sizeBytes, base: from });
		},
		async flush() {
			check();
			await settled(account);
			await store.flush(account);
		},
		async close() {
			if (closed) return;
			closed = true;
			account.fail(new VaultError("CLOSED", "The writer was closed."));
			await settled(account).catch(() => {});
			onClose();
		},
	};
}

/** Everything that was handed over has its place in a pack. Throws what went wrong. */
async function settled(account: Account): Promise<void> {
	while (account.pending.size > 0) await Promise.allSettled(account.pending);
	account.check();
}
