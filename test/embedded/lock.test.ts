import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { lockFolder } from "#deploy/embedded/lock.ts";

test("a data folder has one user at a time", async (t) => {
	const folder = mkdtempSync(join(tmpdir(), "holdfast-lock-"));
	t.teardown(() => rmSync(folder, { recursive: true }));
	const unlock = await lockFolder(folder);
	const refused = await t.throwsAsync(lockFolder(folder));
	t.regex(refused.message, /in use by another Holdfast.*--data/);
	await unlock();
	const again = await lockFolder(folder);
	await again();
});
