import { isNbdError } from "#nbd/error.ts";
import type { JobError } from "#schemas/job.ts";
import { isVaultError, type VaultErrorCode } from "#vault/errors.ts";

type About = Record<string, string | number>;
type Row = {
	/** Another attempt may succeed without anybody doing anything. */
	retryable: boolean;
	sentence: (about: About) => string;
};
const row = (retryable: boolean, sentence: Row["sentence"]): Row => ({ retryable, sentence });

/** Every error that a job of this agent can end with, besides the vault's own (vault/errors.ts). */
export const agentErrors = {
	DISK_MISSING: row(
		false,
		(a) => `The disk ${a.path} is not there: check that the instance is on this host and that its storage is mounted.`,
	),
	DISK_REFUSED: row(
		false,
		(a) =>
			`The disk ${a.path} was refused because ${a.reason}: only files below the folders in the agent's configuration are opened.`,
	),
	DISK_UNSUPPORTED: row(false, (a) => `The disk ${a.path} cannot be opened: ${a.reason}.`),
	DISK_DENIED: row(
		false,
		(a) => `The agent may not open ${a.path}: run it as root, or give its user the right to do so.`,
	),
	DISK_IN_USE: row(
		false,
		(a) =>
			`The disk ${a.path} is in use by a running process, most likely the instance itself; live capture is not available yet: stop the instance and try again.`,
	),
	DISK_VANISHED: row(false, (a) => `The disk ${a.path} was removed or replaced while it was read; nothing was kept.`),
	DISK_SHRUNK: row(
		false,
		(a) => `The disk ${a.path} shrank from ${a.before} to ${a.after} bytes while it was read; nothing was kept.`,
	),
	DISK_CHANGED: row(
		true,
		(a) => `The disk ${a.path} was written to while it was read: keep the instance stopped during its backup.`,
	),
	DISK_READ_FAILED: row(
		true,
		(a) => `The disk ${a.path} could not be read (${a.reason}): check the host's storage and its system log.`,
	),
	DISK_WRITE_FAILED: row(
		true,
		(a) => `The disk ${a.path} could not be written (${a.reason}): check the host's storage and its system log.`,
	),
	DISK_FULL: row(false, (a) => `There is no space left for the disk ${a.path}: free some on that file system.`),
	DISK_TOO_SMALL: row(
		false,
		(a) => `The disk ${a.path} has ${a.has} bytes and the snapshot needs ${a.needs}: restore to a larger disk.`,
	),
	INSTANCE_RUNNING: row(
		false,
		(a) =>
			`The instance ${a.id} is running and this agent has no libvirt to read its disks at one instant: set libvirt_uri, or stop the instance.`,
	),
	LIBVIRT_FAILED: row(true, (a) => `libvirt did not do it: ${a.reason}.`),
	SCRATCH_FULL: row(
		false,
		(a) =>
			`The scratch folder ${a.path} has ${a.has} bytes free and a backup of this running instance needs ${a.needs}: free some, or move scratch_path.`,
	),
	CREDENTIALS_FILE: row(false, (a) => `The credentials file ${a.path} cannot be used: ${a.reason}.`),
	QEMU_MISSING: row(
		false,
		() => "qemu-nbd cannot be started: install it on this host (Debian: apt-get install qemu-utils util-linux).",
	),
	QEMU_FAILED: row(true, (a) => `qemu-nbd did not serve the disk ${a.path}: ${a.reason}.`),
	STORAGE_SILENT: row(
		true,
		(a) => `The storage of ${a.path} did not answer within ${a.seconds} seconds: check its mount and its server.`,
	),
	TARGET_UNKNOWN: row(
		false,
		(a) => `The agent on this host has no backup target ${a.target}: add it to "targets" in its configuration.`,
	),
	TARGET_NOT_MOUNTED: row(
		true,
		(a) =>
			`The backup target ${a.target} is not mounted at ${a.path}: mount it, or set mounted_only: false where it is a plain folder; nothing was written there.`,
	),
	JOB_UNKNOWN: row(
		true,
		(a) =>
			`The agent of version ${a.version} does not understand this job (${a.reason}): upgrade the agents to the version of the control plane.`,
	),
	JOURNAL_FAILED: row(
		true,
		(a) => `The agent could not write its journal (${a.reason}): check the file system of its state_path.`,
	),
	INTERNAL: row(true, (a) => `Something went wrong in the agent (${a.reason}); its log has the details.`),
} as const satisfies Record<string, Row>;

export type AgentErrorCode = keyof typeof agentErrors;

/** An error that ends a job. `message` is the table's sentence. */
export class AgentError extends Error {
	readonly code: AgentErrorCode;
	readonly retryable: boolean;

	constructor(code: AgentErrorCode, about: About = {}, options: { cause?: unknown } = {}) {
		super(agentErrors[code].sentence(about), options);
		this.name = "AgentError";
		this.code = code;
		this.retryable = agentErrors[code].retryable;
	}
}

/** What may pass by itself: a target that was away comes back. A full one waits for somebody. */
const retryableOnVault: ReadonlySet<VaultErrorCode> = new Set(["TARGET_UNREACHABLE", "TARGET_FAILED", "CLOSED"]);

const maxMessageCharacters = 2000;

const rowOf = (error: unknown): JobError => {
	if (error instanceof AgentError) return { code: error.code, message: error.message, retryable: error.retryable };
	if (isVaultError(error)) {
		const code = error.code.startsWith("TARGET_") ? error.code : `VAULT_${error.code}`;
		return { code, message: error.message, retryable: retryableOnVault.has(error.code) };
	}
	const reason = error instanceof Error ? error.message : String(error);
	const code = isNbdError(error) ? "QEMU_FAILED" : "INTERNAL";
	const wrapped = new AgentError(code, { path: "of this job", reason });
	return { code, message: wrapped.message, retryable: wrapped.retryable };
};

/** Any thrown thing as the error of a job report. */
export const toJobError = (error: unknown): JobError => {
	const { message, ...rest } = rowOf(error);
	return { ...rest, message: message.slice(0, maxMessageCharacters) };
};
