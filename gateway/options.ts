import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { parse } from "yaml";
import type { GatewayOptions } from "./gateway.ts";

export type Address = { host: string; port: number };

/** An option that is missing or wrong, with the sentence that says so. */
export class BadOption extends Error {
	override readonly name = "BadOption";
}

/** T4O's ports. */
const defaults = { listen: "127.0.0.1:8780", "datamover-listen": "127.0.0.1:8784", namespace: "guest" } as const;

const optionTypes = {
	listen: { type: "string" },
	"datamover-listen": { type: "string" },
	openwhisk: { type: "string" },
	namespace: { type: "string" },
	"auth-url": { type: "string" },
	"secret-file": { type: "string" },
	"disable-file": { type: "string" },
	"trust-forwarded": { type: "boolean" },
	config: { type: "string" },
	help: { type: "boolean" },
} as const;

type Values = { [name in keyof typeof optionTypes]?: string | boolean };
type Environment = Record<string, string | undefined>;

/**
 * Options from the command line, then `--config` (YAML, the same names), then the environment, then defaults; undefined
 * when help is wanted. Throws `BadOption`, one sentence for the first that is wrong.
 */
export const readOptions = (argv: readonly string[], environment: Environment): GatewayOptions | undefined => {
	const given = parseCommandLine(argv);
	if (given.help) return undefined;
	const config = given.config === undefined ? {} : readConfig(String(given.config));
	const values: Values = {
		...defaults,
		...(environment.OS_AUTH_URL && { "auth-url": environment.OS_AUTH_URL }),
		...config,
		...given,
	};
	const text = (name: keyof Values): string | undefined =>
		values[name] === undefined ? undefined : String(values[name]);
	return {
		listen: addressOf("listen", text("listen")),
		datamoverListen: addressOf("datamover-listen", text("datamover-listen")),
		openwhisk: urlOf("openwhisk", text("openwhisk"), "OpenWhisk's API host"),
		namespace: namespaceOf(text("namespace") ?? ""),
		authUrl: urlOf("auth-url", text("auth-url"), "Keystone"),
		secret: secretOf(text("secret-file"), environment),
		environment,
		disableFile: text("disable-file"),
		trustForwarded: values["trust-forwarded"] === true,
	};
};

const parseCommandLine = (argv: readonly string[]): Values => {
	try {
		return parseArgs({ args: [...argv], options: optionTypes }).values;
	} catch (error) {
		throw new BadOption((error as Error).message);
	}
};

const readConfig = (path: string): Values => {
	let read: unknown;
	try {
		read = parse(readFileSync(path, "utf8")) ?? {};
	} catch (error) {
		throw new BadOption(`--config ${path} cannot be read: ${(error as Error).message}`);
	}
	if (typeof read !== "object" || read === null || Array.isArray(read)) {
		throw new BadOption(`--config ${path} is not a YAML mapping of option names to values.`);
	}
	const unknown = Object.keys(read).find((name) => !(name in optionTypes) || name === "config" || name === "help");
	if (unknown !== undefined) throw new BadOption(`--config ${path} has ${unknown}, which is not an option.`);
	return read as Values;
};

const addressOf = (name: string, text = ""): Address => {
	const match = /^(?:\[([\da-fA-F:]+)\]|([\w.-]+)):(\d{1,5})$/.exec(text);
	const port = Number(match?.[3]);
	if (!match || port > 65_535)
		throw new BadOption(`--${name} must be an address and a port, for instance 127.0.0.1:8780.`);
	return { host: (match[1] ?? match[2]) as string, port };
};

const urlOf = (name: string, text: string | undefined, what: string): string => {
	const url = text === undefined ? null : URL.parse(text);
	if (text === undefined || (url?.protocol !== "http:" && url?.protocol !== "https:")) {
		throw new BadOption(`--${name} must be the http:// or https:// address of ${what}.`);
	}
	return text;
};

const namespaceOf = (text: string): string => {
	if (/^[\w.@-]+$/.test(text)) return text;
	throw new BadOption("--namespace must be the name of an OpenWhisk namespace.");
};

/** A header's value. Short ones could be guessed by whoever reaches OpenWhisk. */
const secretForm = /^[\x21-\x7e]{16,}$/;

const secretOf = (file: string | undefined, environment: Environment): string => {
	let secret = environment.HOLDFAST_GATEWAY_SECRET;
	if (file !== undefined) {
		try {
			secret = readFileSync(file, "utf8").trim();
		} catch (error) {
			throw new BadOption(`--secret-file ${file} cannot be read: ${(error as Error).message}`);
		}
	}
	if (secret === undefined || secret === "") {
		throw new BadOption(
			"The gateway shows functions a secret: set HOLDFAST_GATEWAY_SECRET or --secret-file to what they were deployed with.",
		);
	}
	if (!secretForm.test(secret)) {
		throw new BadOption("The gateway's secret must have at least 16 printable characters without spaces.");
	}
	return secret;
};
