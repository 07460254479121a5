import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { strToU8, zipSync } from "fflate";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Cold starts unpack and parse all of it; the driver is about half of this. */
const maxBundleBytes = 2 * 1024 * 1024;

/** Short enough to find a place by its line and column. */
const maxLineChars = 200;

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
	/** SHA-256 of it, in hexadecimal; equal sources give an equal one. */
	sha: string;
};

export type Source = { name: string; entry: string };

/**
 * Bundles actions, in one build, because they share most of their modules. Throws a sentence when one does not build or is
 * too large. The bundles come in the order of the sources.
 */
export async function bundleActions(sources: readonly Source[]): Promise<Bundle[]> {
	const built = await build({
		entryPoints: sources.map(({ entry }, at) => ({ in: entry, out: `${at}/index` })),
		absWorkingDir: root,
		outdir: "bundles",
		write: false,
		bundle: true,
		platform: "node",
		format: "cjs",
		target: "node20",
		external: optionalPackages,
		// A source map would be as large as the code, and OpenWhisk's Node does not read it. Instead names stay and lines are
		// short: a place in a stack can be looked up in the bundle itself. What is dropped is white space.
		minifyWhitespace: true,
		minifySyntax: true,
		lineLimit: maxLineChars,
		logLevel: "silent",
	}).catch((error: Error) => {
		throw new Error(`The actions could not be bundled: ${error.message}`);
	});
	return sources.map(({ name }, at) => {
		const code = built.outputFiles.find(({ path }) => path.endsWith(`/${at}/index.js`))?.text ?? "";
		const bytes = Buffer.byteLength(code);
		if (bytes > maxBundleBytes)
			throw new Error(`The bundle of the action ${name} has ${bytes} bytes; at most ${maxBundleBytes} are allowed.`);
		return { code, sha: createHash("sha256").update(code).digest("hex") };
	});
}

/**
 * The archive that is sent. A zip rather than plain code: it is a third of the size and is loaded as a real CommonJS file,
 * not evaluated inside the runtime's own. Its package.json names no dependencies, for which the runtime would start an
 * npm install.
 */
export function zipBundle({ code }: Bundle): Buffer {
	const files = {
		"package.json": strToU8('{"main":"index.js"}'),
		"index.js": strToU8(code),
	};
	return Buffer.from(zipSync(files));
}
