import type { Cli } from "./cli.ts";
import type { Client } from "./client.ts";
import { asFailure, exitCodes, Failure } from "./failure.ts";
import { findId } from "./find.ts";

/** What a command does to each of the objects that it names. */
export type Deed = {
	kind: "workload" | "snapshot" | "restore";
	/** `delete`, as in "2 of 3 snapshots could not be deleted". */
	done: string;
	/** Only say what would be done. */
	dryRun?: boolean;
	act: (id: string) => Promise<void>;
};

/**
 * Does the same to several objects. One that fails does not stop the others; each failure is said at once, and the whole
 * ends with 3 when all that failed were not there, otherwise with 1.
 */
export const forEachNamed = async (cli: Cli, client: Client, names: readonly string[], deed: Deed): Promise<void> => {
	const failures: Failure[] = [];
	for (const name of names) {
		try {
			const id = await findId(client, deed.kind, name);
			if (deed.dryRun) cli.stdout.write(`${deed.kind} ${id} would be ${deed.done}\n`);
			else await deed.act(id);
		} catch (error) {
			const failure = asFailure(error);
			failures.push(failure);
			if (names.length > 1) cli.stderr.write(`${failure.message}\n`);
		}
	}
	const [first] = failures;
	if (first === undefined) return;
	if (names.length === 1) throw first;
	const missing = failures.every(({ exitCode }) => exitCode === exitCodes.notFound);
	throw new Failure(
		`${failures.length} of ${names.length} ${deed.kind}s could not be ${deed.done}.`,
		missing ? exitCodes.notFound : exitCodes.failed,
	);
};
