import { writeSync } from "node:fs";
import { keyFromFile } from "#vault/keys.ts";
import { openVault } from "#vault/open.ts";
import { faultyTarget } from "#vault/targets/faults.ts";
import { fileTarget } from "#vault/targets/file.ts";

/** A process that deletes a snapshot and collects, and kills itself with SIGKILL before the target's call of a number. */
const [folder = "", keyFile = "", victim = "", dieAt = ""] = process.argv.slice(2);
let calls = 0;
const target = faultyTarget(fileTarget(folder), () => {
	if (String(calls++) === dieAt) process.kill(process.pid, "SIGKILL");
	return undefined;
});
const vault = await openVault({ target, keys: keyFromFile(keyFile), memoryBudgetBytes: 16 * 1024 * 1024, threads: 0 });
await vault.deleteRoot(victim);
const report = await vault.collect({ repackAbove: 0.2, packBytes: 512 * 1024 });
await vault.close();
writeSync(1, `done ${calls} ${report.state}\n`);
