import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Contestant, type Work, works } from "./contestant.ts";
import { borg, ours, qemuImg, restic } from "./contestants.ts";
import { makeWorkload, sizes } from "./workload.ts";

const help = `Measures vaults against restic, borg and qemu-img: the same disks, one after the other, round after round.

  npm run bench                3 rounds of a 4 GiB disk; tens of minutes
  npm run bench -- --quick     1 round of a 1 GiB disk; a few minutes

One JSON object a line on standard output; a ratio is ours divided by theirs, medians of all rounds. Progress goes to
standard error. restic and borg are installed from Debian where they are missing (as root). Needs 20 GiB in --folder.

  --rounds N      how often
  --folder DIR    where the disks and repositories go; a temporary folder without it
`;

const { values } = parseArgs({
	options: {
		quick: { type: "boolean", default: false },
		rounds: { type: "string" },
		folder: { type: "string" },
		help: { type: "boolean", default: false },
	},
});

const say = (line: string): void => void process.stderr.write(`${line}\n`);
const median = (numbers: number[]): number => {
	const sorted = numbers.toSorted((one, other) => one - other);
	const middle = sorted.length >> 1;
	return sorted.length % 2 === 1
		? (sorted[middle] as number)
		: ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
};

function installPeers(): void {
	for (const [command, name] of [
		["restic", "restic"],
		["borg", "borgbackup"],
		["qemu-img", "qemu-utils"],
	] as const) {
		try {
			execFileSync(command, ["--version"], { stdio: "ignore" });
		} catch (error) {
			// restic has no --version; what is not there at all is installed.
			if ((error as NodeJS.ErrnoException).code !== "ENOENT") continue;
			say(`installing ${name}`);
			execFileSync("apt-get", ["install", "--yes", "--no-install-recommends", name], { stdio: ["ignore", 2, 2] });
		}
	}
}

async function bench(folder: string): Promise<void> {
	installPeers();
	const rounds = Number(values.rounds ?? (values.quick ? 1 : 3));
	say("building the disks");
	const workload = await makeWorkload(join(folder, "disks"), sizes[values.quick ? "quick" : "whole"]);
	const figures = new Map<string, Map<Work, number[]>>();
	const note = (name: string, work: Work, figure: number): void => {
		const of = figures.get(name) ?? new Map<Work, number[]>();
		figures.set(name, of.set(work, [...(of.get(work) ?? []), figure]));
		say(`${name} ${work}: ${work === "stored" ? `${Math.round(figure / 2 ** 20)} MiB` : `${figure.toFixed(1)} s`}`);
	};
	const contestants = [ours, restic, borg, qemuImg];
	for (let round = 0; round < rounds; round++) {
		say(`round ${round + 1} of ${rounds}`);
		const all = contestants.map((make): Contestant => make(join(folder, make.name), workload));
		for (const one of all) await one.prepare();
		// Work by work, so that all meet the same machine; another one begins in each round.
		for (const work of works) {
			if (work === "stored") continue;
			for (let i = 0; i < all.length; i++) {
				const one = all[(i + round) % all.length] as Contestant;
				const step = one.steps[work];
				if (step === undefined) continue;
				const startMs = performance.now();
				await step();
				note(one.name, work, (performance.now() - startMs) / 1000);
			}
		}
		for (const one of all) note(one.name, "stored", await one.stored());
	}
	const mine = figures.get("holdfast") as Map<Work, number[]>;
	for (const work of works) {
		for (const [peer, theirs] of figures) {
			if (peer === "holdfast" || !theirs.has(work)) continue;
			// qemu-img keeps one full image and nothing else.
			if (peer === "qemu-img" && work === "stored") continue;
			const [a, b] = [median(mine.get(work) as number[]), median(theirs.get(work) as number[])];
			const unit = work === "stored" ? "bytes" : "s";
			const ratio = Number((a / b).toFixed(3));
			const line = { bench: "vault", work, peer, ratio, ours: a, peers: b, unit, runs: rounds };
			process.stdout.write(`${JSON.stringify(line)}\n`);
		}
	}
}

if (values.help) process.stdout.write(help);
else {
	const folder = values.folder ?? mkdtempSync(join(tmpdir(), "holdfast-bench-"));
	try {
		await bench(folder);
	} finally {
		if (values.folder === undefined) rmSync(folder, { recursive: true, force: true });
	}
}
