import { parseArgs } from "node:util";
import { startCloud } from "./cloud.ts";

const usage = "Usage: node test/cloud/main.ts --data DIR [--port N] [--host NAME …] [--token-lifetime SECONDS]";

const options = {
	data: { type: "string" },
	port: { type: "string", default: "0" },
	host: { type: "string", multiple: true },
	"token-lifetime": { type: "string", default: "3600" },
} as const;

const values = readArguments();
const port = Number(values.port);
const tokenLifetimeSeconds = Number(values["token-lifetime"]);
if (values.data === undefined) refuse("--data names the folder that the cloud lives in.");
if (!Number.isInteger(port) || port < 0 || port > 65_535) refuse(`--port is a port number, not "${values.port}".`);
if (!(tokenLifetimeSeconds > 0)) refuse(`--token-lifetime is a number of seconds, not "${values["token-lifetime"]}".`);

const cloud = await startCloud({
	dataFolder: values.data,
	port,
	tokenLifetimeSeconds,
	...(values.host && { hosts: values.host }),
});
const hosts = Object.fromEntries((values.host ?? ["compute-1"]).map((host) => [host, cloud.hostFolder(host)]));
console.log(JSON.stringify({ ready: true, authUrl: cloud.authUrl, url: cloud.url, hosts, pid: process.pid }));

for (const signal of ["SIGINT", "SIGTERM"] as const) {
	process.once(signal, () => {
		cloud.close().then(() => process.exit(0));
	});
}

function readArguments() {
	try {
		return parseArgs({ options }).values;
	} catch (error) {
		return refuse((error as Error).message);
	}
}

function refuse(why: string): never {
	console.error(`${why}\n${usage}`);
	process.exit(2);
}
