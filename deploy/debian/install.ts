import { spawnSync } from "node:child_process";
import { findProgram } from "./find.ts";
import { neededPrograms } from "./needed.ts";

/** A slow mirror and a locked dpkg database are both normal on a machine that was just set up. */
const installTimeoutMs = 10 * 60_000;
const lockWaitSeconds = 120;

/** Packages, without repeats, whose programs are not on this machine. */
export const missingPackages = (find: (name: string) => string | undefined = findProgram): string[] => [
	...new Set(
		Object.entries(neededPrograms)
			.filter(([program]) => !find(program))
			.map(([, { debianPackage }]) => debianPackage),
	),
];

export class PackagesMissing extends Error {
	override readonly name = "PackagesMissing";
}

const aptGet = (log: (line: string) => void, ...args: string[]): void => {
	log(`apt-get ${args.join(" ")}`);
	const { status, error, stderr } = spawnSync("apt-get", ["-o", `DPkg::Lock::Timeout=${lockWaitSeconds}`, ...args], {
		env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
		stdio: ["ignore", "ignore", "pipe"],
		timeout: installTimeoutMs,
	});
	if (error || status !== 0) {
		const reason = error?.message ?? stderr.toString().trim().split("\n").at(-1);
		throw new PackagesMissing(`apt-get ${args[0]} failed (${reason}); run it by hand to see why.`);
	}
};

/**
 * Makes sure that every needed program is there: as root on Debian it installs the packages, otherwise it throws
 * `PackagesMissing` with the exact line to run. Does nothing, quickly, when nothing is missing.
 */
export const installMissingPackages = (log: (line: string) => void): void => {
	const missing = missingPackages();
	if (missing.length === 0) return;
	const line = `apt-get install --yes --no-install-recommends ${missing.join(" ")}`;
	if (process.getuid?.() !== 0) throw new PackagesMissing(`Some programs are missing: run "sudo ${line}".`);
	if (!findProgram("apt-get")) {
		throw new PackagesMissing(`Some programs are missing: install what Debian calls ${missing.join(", ")}.`);
	}
	aptGet(log, "update");
	aptGet(log, "install", "--yes", "--no-install-recommends", ...missing);
	const still = missingPackages();
	if (still.length > 0)
		throw new PackagesMissing(`apt-get installed ${still.join(", ")}, but its programs are not found.`);
};
