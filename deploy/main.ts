import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { deploy } from "./deploy.ts";

const help = `Deploys Holdfast's functions to OpenWhisk, as deploy/manifest.yaml says.

  npm run deploy -- --apihost URL --auth-file FILE [--plan]

  --apihost URL     for instance https://openwhisk.example.org
  --auth KEY        the API key UUID:KEY of the namespace (visible in the process list; prefer --auth-file)
  --auth-file FILE  a file that holds the API key
  --plan            print what would change, and change nothing

The values the manifest names (MONGODB_URI, OS_AUTH_URL, …) are taken from the environment.
`;

try {
	const { values } = parseArgs({
		options: {
			apihost: { type: "string" },
			auth: { type: "string" },
			"auth-file": { type: "string" },
			plan: { type: "boolean", default: false },
			help: { type: "boolean", default: false },
		},
	});
	if (values.help) process.stdout.write(help);
	else {
		const file = values["auth-file"];
		const auth = file === undefined ? values.auth : readFileSync(file, "utf8").trim();
		if (values.apihost === undefined) throw new Error("Say where OpenWhisk is with --apihost URL.");
		if (auth === undefined) throw new Error("Give the API key with --auth-file FILE or --auth KEY.");
		const log = (line: string) => process.stdout.write(`${line}\n`);
		await deploy({ apihost: values.apihost, auth, env: process.env, plan: values.plan, log });
	}
} catch (error) {
	process.stderr.write(`${(error as Error).message}\n`);
	process.exitCode = 1;
}
