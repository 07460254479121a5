import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { openDataFolder } from "#deploy/embedded/folder.ts";

const scratch = mkdtempSync(join(tmpdir(), "holdfast-folder-"));
test.after.always(() => rmSync(scratch, { recursive: true }));

const modeOf = (folder: string): number => statSync(folder).mode & 0o777;

test("a data folder is made, found again, and shut to other users", (t) => {
	const folder = join(scratch, "a", "b");
	openDataFolder(folder);
	t.is(modeOf(folder), 0o700);
	for (const name of ["images", "secrets", "cloud"]) mkdirSync(join(folder, name));
	openDataFolder(folder);
	const open = join(scratch, "open");
	mkdirSync(open, { mode: 0o755 });
	openDataFolder(open);
	t.is(modeOf(open), 0o700);
});

test("a folder with somebody's files is refused, because the demo would empty it", (t) => {
	const folder = join(scratch, "home");
	mkdirSync(folder, { mode: 0o755 });
	writeFileSync(join(folder, "thesis.txt"), "years of work");
	const error = t.throws(() => openDataFolder(folder));
	t.regex(error.message, /holds thesis\.txt, which Holdfast did not make: give --data a folder of its own/);
	t.is(modeOf(folder), 0o755);
});
