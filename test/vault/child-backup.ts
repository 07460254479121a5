import { readFileSync, writeSync } from "node:fs";
import { keyFromFile } from "#vault/keys.ts";
import { openVault } from "#vault/open.ts";
import { fileTarget } from "#vault/targets/file.ts";
import { randomFrom } from "./scene.ts";

/** A process that backs up one image and can be killed at any time. It says each durable pack before it goes on. */
const [folder = "", keyFile = "", imageFile = "", sessionId = "", adopt = "", threads = "0"] = process.argv.slice(2);
const vault = await openVault({
	target: fileTarget(folder),
	keys: keyFromFile(keyFile),
	memoryBudgetBytes: 16 * 1024 * 1024,
	packBytes: 512 * 1024,
	threads: Number(threads),
});
const writer = await vault.writer({
	sessionId,
	adoptPacks: adopt === "" ? [] : adopt.split(","),
	onPackDurable: (pack) => void writeSync(1, `pack ${pack}\n`),
});
const image = readFileSync(imageFile);
const disk = await writer.disk({ sizeBytes: image.length });
const size = vault.chunkBytes;
const draw = randomFrom(image.length + sessionId.length);
for (let i = 0; i * size < image.length; i++) {
	await disk.write(i, image.subarray(i * size, (i + 1) * size));
	if (draw(40) === 0) await writer.flush();
}
const ref = await disk.finish();
const stats = { ...writer.stats };
await writer.close();
await vault.close();
writeSync(1, `done ${JSON.stringify({ ref, stats })}\n`);
