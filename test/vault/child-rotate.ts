import { keyFromFile } from "#vault/keys.ts";
import { rotateKey } from "#vault/rotate.ts";
import { faultyTarget } from "#vault/targets/faults.ts";
import { fileTarget } from "#vault/targets/file.ts";

/** A process that rotates a key and kills itself before the target call of the given number. */
const [folder = "", from = "", to = "", dieAt = ""] = process.argv.slice(2);
const target = faultyTarget(fileTarget(folder), ({ number }) => {
	if (number === Number(dieAt)) process.kill(process.pid, "SIGKILL");
	return undefined;
});
await rotateKey({ target, from: keyFromFile(from), to: keyFromFile(to) });
