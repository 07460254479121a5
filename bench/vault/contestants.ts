import { execFile } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Make } from "./contestant.ts";

const longestMs = 60 * 60_000;
const mostOutputBytes = 64 * 1024 * 1024;
const holdfastBin = fileURLToPath(new URL("../../bin/holdfast", import.meta.url));

/** Runs a command; its output is given back, its failure thrown with what it said. */
const command =
	(cwd: string, env: Record<string, string> = {}) =>
	(file: string, ...args: string[]): Promise<string> =>
		new Promise((resolve, reject) => {
			const options = { cwd, env: { ...process.env, ...env }, timeout: longestMs, maxBuffer: mostOutputBytes };
			execFile(file, args, options, (error, stdout, stderr) => {
				if (error === null) resolve(stdout);
				else reject(new Error(`${file} ${args.join(" ")}: ${stderr.trim().slice(-500) || error.message}`));
			});
		});

async function bytesIn(folder: string): Promise<number> {
	let sum = 0;
	for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
		if (entry.isFile()) sum += (await stat(join(entry.parentPath, entry.name))).size;
	}
	return sum;
}

const fresh = (folder: string): void => {
	rmSync(folder, { recursive: true, force: true });
	mkdirSync(folder, { recursive: true });
};

export const ours: Make = (folder, { first, second, clone }) => {
	const env = { HOLDFAST_TARGET: join(folder, "target"), HOLDFAST_KEY_FILE: join(folder, "key") };
	const run = command(folder, env);
	const vault = (...args: string[]) => run(holdfastBin, "vault", ...args);
	const backup = async (...args: string[]) =>
		JSON.parse(await vault("backup", ...args, "--name", "disk", "-f", "json")).Snapshot as string;
	let day2 = "";
	return {
		name: "holdfast",
		prepare: async () => {
			fresh(folder);
			await vault("init");
		},
		steps: {
			full: () => backup(first),
			incremental: async () => {
				day2 = await backup(second.image, "--changed", second.changedFile);
			},
			// Nothing is known of what changed: all of it is read again.
			compare: () => backup(second.image, "--full"),
			clone: () => vault("backup", clone, "--name", "clone", "-f", "json"),
			restore: async () => {
				rmSync(join(folder, "back.raw"), { force: true });
				await vault("restore", day2, "back.raw");
			},
			verify: () => vault("verify", "--level", "everything"),
			delete: async () => {
				await vault("delete", day2);
				await vault("gc");
			},
		},
		stored: () => bytesIn(env.HOLDFAST_TARGET),
	};
};

export const restic: Make = (folder, { first, second, clone }) => {
	const repository = join(folder, "repository");
	const run = command(folder, { RESTIC_PASSWORD: "bench", RESTIC_CACHE_DIR: join(folder, "cache") });
	const call = (...args: string[]) => run("restic", "-q", "-r", repository, ...args);
	const backup = (image: string, tag: string) => call("backup", "--tag", tag, image);
	return {
		name: "restic",
		prepare: async () => {
			fresh(folder);
			await call("init", "--repository-version", "2");
		},
		steps: {
			full: () => backup(first, "day1"),
			incremental: () => backup(second.image, "day2"),
			compare: () => backup(second.image, "compare"),
			clone: () => backup(clone, "clone"),
			restore: async () => {
				rmSync(join(folder, "back"), { recursive: true, force: true });
				await call("restore", "latest", "--tag", "day2", "--target", join(folder, "back"));
			},
			verify: () => call("check", "--read-data"),
			delete: () => call("forget", "--tag", "day2", "--keep-tag", "none", "--prune", "--group-by", "tags"),
		},
		stored: () => bytesIn(repository),
	};
};

export const borg: Make = (folder, { first, second, clone }) => {
	const repository = join(folder, "repository");
	const env = { BORG_PASSPHRASE: "bench", BORG_BASE_DIR: join(folder, "base"), BORG_REPO: repository };
	const run = command(folder, env);
	const create = (image: string, name: string) =>
		run("borg", "create", "--compression", "zstd,1", "--chunker-params", "fixed,4194304", `::${name}`, image);
	return {
		name: "borg",
		prepare: async () => {
			fresh(folder);
			await run("borg", "init", "--encryption", "repokey");
		},
		steps: {
			full: () => create(first, "day1"),
			incremental: () => create(second.image, "day2"),
			compare: () => create(second.image, "compare"),
			clone: () => create(clone, "clone"),
			restore: async () => {
				fresh(join(folder, "back"));
				await command(join(folder, "back"), env)("borg", "extract", "--sparse", "::day2");
			},
			verify: () => run("borg", "check", "--verify-data"),
			delete: async () => {
				await run("borg", "delete", "::day2");
				await run("borg", "compact");
			},
		},
		stored: () => bytesIn(repository),
	};
};

export const qemuImg: Make = (folder, { first }) => {
	const image = join(folder, "full.qcow2");
	const run = command(folder);
	return {
		name: "qemu-img",
		prepare: async () => fresh(folder),
		steps: {
			full: () => run("qemu-img", "convert", "-c", "-O", "qcow2", "-o", "compression_type=zstd", first, image),
			restore: () => run("qemu-img", "convert", "-O", "raw", image, join(folder, "back.raw")),
		},
		stored: () => bytesIn(folder),
	};
};
