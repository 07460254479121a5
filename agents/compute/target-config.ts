import { BadOption, type OptionReader, readOptions } from "./options.ts";

export type FileTargetConfig = {
	type: "file";
	path: string;
	keyFile: string;
	/** Refuse to work while nothing is mounted at `path`: the default, for a backup must never fill the host's own disk. */
	mountedOnly: boolean;
};

export type S3TargetConfig = {
	type: "s3";
	bucket: string;
	/** Before the vaults' own, without slashes at its ends. */
	prefix: string | undefined;
	endpoint: string | undefined;
	region: string | undefined;
	pathStyle: boolean | undefined;
	/** Holds `access_key` and `secret_key`. Without it the AWS SDK looks where it always does. */
	credentialsFile: string | undefined;
	keyFile: string;
};

export type TargetConfig = FileTargetConfig | S3TargetConfig;

/** Targets are named in job documents and in sync requests. */
const targetName = /^[\w.-]{1,64}$/;

/** Throws `BadOption` with the first thing that is wrong. */
export const readTargets = (source: unknown): Record<string, TargetConfig> => {
	if (source === undefined) {
		throw new BadOption(
			"targets must name at least one backup target: targets: {default: {type: file, path, key_file}}.",
		);
	}
	const outer = readOptions(source, "targets");
	const targets: Record<string, TargetConfig> = {};
	for (const id of Object.keys(source as object)) {
		if (!targetName.test(id)) {
			throw new BadOption(`targets.${id} must be named with letters, digits, dots, dashes and underscores only.`);
		}
		const options = readOptions(outer.take(id), `targets.${id}`);
		targets[id] = readTarget(options, `targets.${id}`);
		options.rest();
	}
	if (Object.keys(targets).length === 0) throw new BadOption("targets must name at least one backup target.");
	return targets;
};

const readTarget = (options: OptionReader, where: string): TargetConfig => {
	const type = options.text("type");
	if (type !== "file" && type !== "s3") {
		throw new BadOption(`${where}.type must be file or s3, not ${JSON.stringify(type)}.`);
	}
	return type === "file" ? readFileTarget(options, where) : readS3Target(options, where);
};

const readKeyFile = (options: OptionReader, where: string): string => {
	const keyFile = options.path("key_file");
	if (!keyFile) throw new BadOption(`${where}.key_file must be given: the file with the key of its vaults.`);
	return keyFile;
};

const readFileTarget = (options: OptionReader, where: string): FileTargetConfig => {
	const path = options.path("path");
	if (!path) throw new BadOption(`${where}.path must be given: the folder that holds the backups.`);
	return {
		type: "file",
		path,
		keyFile: readKeyFile(options, where),
		mountedOnly: options.flag("mounted_only", true),
	};
};

const readS3Target = (options: OptionReader, where: string): S3TargetConfig => {
	const bucket = options.text("bucket");
	if (!bucket) throw new BadOption(`${where}.bucket must be given: the bucket that holds the backups.`);
	const endpoint = options.text("endpoint");
	if (endpoint !== undefined && !/^https?:\/\/[^/]+\/?$/.test(endpoint)) {
		throw new BadOption(`${where}.endpoint must be http:// or https:// with a host and no path, not "${endpoint}".`);
	}
	return {
		type: "s3",
		bucket,
		endpoint,
		prefix: options.text("prefix"),
		region: options.text("region"),
		pathStyle: options.take("path_style") === undefined ? undefined : options.flag("path_style", true),
		credentialsFile: options.path("credentials_file"),
		keyFile: readKeyFile(options, where),
	};
};
