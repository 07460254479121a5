import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const help = `Runs the suites of store/ and the differential cases on another server than the embedded one.

  npm run test:mongo                     on DocumentDB, which it installs and starts (root, Debian, about a minute)
  npm run test:mongo -- --uri URI        on any server, for instance a MongoDB replica set

Every test makes a database of its own, named holdfast-test-… or mongo-test-…, and drops it.
`;

const suites = ["test/store/*.test.ts", "test/mongo/differential.test.ts", "test/mongo/claim.test.ts"];
const root = fileURLToPath(new URL("../../", import.meta.url));

const { values } = parseArgs({ options: { uri: { type: "string" }, help: { type: "boolean", default: false } } });
if (values.help) process.stdout.write(help);
else process.exitCode = values.uri === undefined ? await runOnDocumentDb() : await run(values.uri);

async function runOnDocumentDb(): Promise<number> {
	const { startDocumentDb } = await import("#test/documentdb/start.ts");
	const server = await startDocumentDb();
	try {
		return await run(server.uri);
	} finally {
		await server.stop();
	}
}

function run(uri: string): Promise<number> {
	const child = spawn(join(root, "node_modules/.bin/ava"), suites, {
		cwd: root,
		stdio: "inherit",
		env: { ...process.env, MONGODB_URI: uri },
	});
	return new Promise((resolve, reject) => {
		child.once("error", reject);
		child.once("exit", (code) => resolve(code ?? 1));
	});
}
