import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";
import { type Mutant, mutants } from "./mutants.ts";

/**
 * The tests themselves on trial: each fsync and each step of the vault's orders is taken out in a copy of the project,
 * and the suite named for it must fail there. Minutes, so only in the long mode (npm run test:vault).
 */
const project = fileURLToPath(new URL("../..", import.meta.url));
const long = process.env.HOLDFAST_LONG === "1";
const mostMs = 5 * 60_000;
const inParallel = 2;

test("each line that the mutation check takes out is there, once", async (t) => {
	for (const mutant of mutants) {
		const text = await readFile(join(project, mutant.file), "utf8");
		for (const { from } of [mutant, mutant.also ?? mutant]) {
			t.is(text.split(from).length - 1, 1, `${mutant.file}: "${mutant.what}" is written in another way now: ${from}`);
		}
	}
});

(long ? test : test.skip)("each fsync and each step of an order that is taken out makes a suite fail", async (t) => {
	t.timeout(60 * 60_000);
	for (const suite of new Set(mutants.map((mutant) => mutant.suite))) {
		const { failed, said } = await runIn(suite, undefined);
		t.false(failed, `${suite} must pass as long as nothing is changed:\n${said}`);
	}
	const waiting = [...mutants];
	const unnoticed: string[] = [];
	async function work(): Promise<void> {
		for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
			const { failed, said } = await runIn(mutant.suite, mutant);
			const name = `${mutant.file} without "${mutant.what}"`;
			if (!failed) unnoticed.push(`${mutant.suite} passes with ${name}`);
			// A file that does not load proves nothing about the suite.
			if (/SyntaxError|ERR_MODULE|ReferenceError/.test(said)) unnoticed.push(`${name} does not load`);
		}
	}
	await Promise.all(Array.from({ length: inParallel }, work));
	t.log(`${mutants.length} mutants`);
	t.deepEqual(unnoticed, []);
});

/** Runs a suite in a copy of the project in which one mutant lives. */
async function runIn(suite: string, mutant: Mutant | undefined): Promise<{ failed: boolean; said: string }> {
	const folder = await mkdtemp(join(tmpdir(), "holdfast-mutant-"));
	try {
		for (const part of ["vault", "test/vault", "package.json", "ava.config.js"]) {
			await cp(join(project, part), join(folder, part), { recursive: true });
		}
		await symlink(join(project, "node_modules"), join(folder, "node_modules"));
		if (mutant !== undefined) await change(join(folder, mutant.file), mutant);
		return await runSuite(folder, suite);
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}

async function change(path: string, { from, to, also }: Mutant): Promise<void> {
	const text = (await readFile(path, "utf8")).replace(from, () => to);
	await writeFile(path, also === undefined ? text : text.replace(also.from, () => also.to));
}

function runSuite(folder: string, suite: string): Promise<{ failed: boolean; said: string }> {
	const ava = join(project, "node_modules/ava/entrypoints/cli.js");
	const { PATH, HOME, TMPDIR } = process.env;
	const env = { PATH, HOME, TMPDIR, NO_COLOR: "1", SEED: "1" };
	return new Promise((resolve) => {
		execFile(process.execPath, [ava, suite], { cwd: folder, env, timeout: mostMs }, (error, out, err) =>
			resolve({ failed: error !== null, said: out + err }),
		);
	});
}
