import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { strToU8, zipSync } from "fflate";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Cold starts unpack and parse all of it; the driver is about half of this. */
const maxBundleBytes = 2 * 1024 * 1024;

/** What the mongodb driver, and needle of the openwhisk client (`iconv-lite`, for answers not in UTF-8), do without. */
const optionalPackages = [
	"@aws-sdk/credential-providers",
	"@mongodb-js/zstd",
	"aws4",
	"gcp-metadata",
	"iconv-lite",
	"kerberos",
	"mongodb-client-encryption",
	"snappy",
	"socks",
];

export type Bundle = {
	/** The CommonJS module. */
	code: string;
	/** The archive that is sent; equal sources give equal bytes. */
	zip: Buffer;
	/** SHA-256 of the archive, in hexadecimal. */
	sha: string;
};

/**
 * Bundles one action. Throws a sentence when it does not build or is too large.
 *
 * A zip rather than plain code: it is a quarter of the size, is loaded as a real CommonJS file, and carries the source map
 * (without sources) beside it. Its package.json names no dependencies, for which the runtime would start an npm install.
 */
export async function bundleAction(name: string, entry: string): Promise<Bundle> {
	const built = await build({
		entryPoints: [entry],
		absWorkingDir: root,
		outfile: "index.js",
		write: false,
		bundle: true,
		platform: "node",
		format: "cjs",
		target: "node20",
		external: optionalPackages,
		// Names stay, for readable stacks; what is dropped is white space.
		minifyWhitespace: true,
		minifySyntax: true,
		sourcemap: true,
		sourcesContent: false,
		logLevel: "silent",
	}).catch((error: Error) => {
		throw new Error(`The action ${name} could not be bundled: ${error.message}`);
	});
	const output = (suffix: string) => built.outputFiles.find(({ path }) => path.endsWith(suffix))?.text ?? "";
	const code = output("index.js");
	const bytes = Buffer.byteLength(code);
	if (bytes > maxBundleBytes)
		throw new Error(`The bundle of the action ${name} has ${bytes} bytes; at most ${maxBundleBytes} are allowed.`);
	const files = {
		"package.json": strToU8('{"main":"index.js"}'),
		"index.js": strToU8(code),
		"index.js.map": strToU8(output("index.js.map")),
	};
	const zip = Buffer.from(zipSync(files, { level: 9, mtime: "1980-01-01T00:00:00" }));
	return { code, zip, sha: createHash("sha256").update(zip).digest("hex") };
}
