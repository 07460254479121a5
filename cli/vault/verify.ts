import type { Command } from "commander";
import type { Effect, VerifyLevel } from "#vault/verify/report.ts";
import type { Cli } from "../cli.ts";
import { Failure, usage } from "../failure.ts";
import type { Column } from "../output/column.ts";
import { checkOutput, listText, withOutput } from "../output/print.ts";
import { sizeText } from "../output/size.ts";
import { createProgress } from "../progress.ts";
import { type PlaceOptions, withPlace, withVault } from "./place.ts";

type Options = PlaceOptions & { level: string; share: string; bandwidth?: string };
type Row = { object: string; reason: string } & Partial<Effect>;

const levels: readonly string[] = ["metadata", "sample", "everything"] satisfies VerifyLevel[];
const rangeText = ({ offset, length }: { offset: number; length: number }) => `${offset}+${length}`;

const columns: Column<Row>[] = [
	{ name: "Object", value: ({ object }) => object },
	{ name: "Reason", value: ({ reason }) => reason },
	{ name: "Snapshot", value: ({ snapshotId }) => snapshotId },
	{ name: "Instance", value: ({ instanceId }) => instanceId },
	{ name: "Disk", value: ({ diskId }) => diskId },
	{ name: "Ranges", value: ({ ranges = [] }) => ranges, shown: ({ ranges = [] }) => ranges.map(rangeText).join(" ") },
];

/** `holdfast vault verify` */
export const vaultVerify = (cli: Cli, parent: Command): void => {
	withOutput(withPlace(parent.command("verify")))
		.summary("check that everything can be read")
		.description(
			"Checks a vault while it is in use. What is damaged is listed with the disks and ranges (in bytes) of the snapshots that it means; then the exit code is 1. Without damage nothing is printed on standard output but an empty list.",
		)
		.option("--level <level>", `${levels.join(", ")}: every tree, a share of the data, or every byte`, "metadata")
		.option("--share <percent>", "of the packs, with --level sample", "5")
		.option("--bandwidth <MiB/s>", "read no faster than this")
		.addHelpText(
			"after",
			"\nExample:\n  holdfast vault verify --target /mnt/backup --key-file vault.key --level everything",
		)
		.action(async (options: Options, command: Command) => {
			checkOutput(command, columns);
			if (!levels.includes(options.level))
				throw usage(`There is no level "${options.level}"; there are ${levels.join(", ")}.`);
			const rate = options.bandwidth === undefined ? undefined : Number(options.bandwidth);
			if (rate !== undefined && !(rate > 0)) throw usage(`--bandwidth ${options.bandwidth} is no rate.`);
			const report = await withVault(cli, options, async (vault) => {
				const progress = createProgress(cli.stderr, () => performance.now());
				try {
					return await vault.verify({
						level: options.level as VerifyLevel,
						share: Number(options.share) / 100,
						...(rate !== undefined && { pace: paceOf(rate * 1024 * 1024) }),
						progress: ({ packs, of, bytes }) => progress.show(`${packs} of ${of} packs, ${sizeText(bytes)} read`),
					});
				} finally {
					progress.end();
				}
			});
			const rows = report.damage.flatMap(({ object, reason, effects }): Row[] =>
				effects.length === 0 ? [{ object, reason }] : effects.map((effect) => ({ object, reason, ...effect })),
			);
			cli.stdout.write(listText(command, columns, rows));
			const read = `${report.snapshots} snapshots, ${report.packs.checked} packs, ${sizeText(report.bytes)} read`;
			cli.stderr.write(
				`${read}: ${report.damage.length === 0 ? "no damage" : `${report.damage.length} damaged objects`}.\n`,
			);
			if (report.damage.length > 0) throw new Failure("The vault is damaged; the list says what that means.");
		});
};

/** Sleeps so that reads do not come faster than the rate. */
const paceOf = (bytesPerSecond: number) => {
	let freeAtMs = performance.now();
	return async (bytes: number): Promise<void> => {
		freeAtMs = Math.max(freeAtMs, performance.now()) + (bytes / bytesPerSecond) * 1000;
		const waitMs = freeAtMs - performance.now();
		if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
	};
};
