export type Settings = Readonly<Record<string, string>>;

const settingName = /^[A-Z][A-Z0-9_]*$/;

/** What each setting is for; a setting that is missing is explained with it. */
const meanings: Record<string, string> = {
	MONGODB_URI: "the address of the state store, mongodb://…",
	OS_AUTH_URL: "Keystone's URL",
	OS_USERNAME: "the name of Holdfast's service user",
	OS_PASSWORD: "the password of Holdfast's service user",
	OS_PROJECT_NAME: "the project of Holdfast's service user",
};

/** The deployment is not complete. `problems` has one sentence for each setting. */
export class MissingSettings extends Error {
	override readonly name = "MissingSettings";
	readonly problems: readonly string[];
	constructor(problems: readonly string[]) {
		super(problems.join(" "));
		this.problems = problems;
	}
}

/**
 * The upper-case parameters that the deployer bound to the action, as text. A name that is not bound is looked for in
 * the environment (parameters deployed with `init: true` are there). Throws `MissingSettings`.
 */
export function readSettings(
	parameters: Record<string, unknown>,
	environment: Record<string, string | undefined>,
	required: readonly string[],
): Settings {
	const settings: Record<string, string> = {};
	for (const [name, value] of Object.entries(environment)) {
		if (settingName.test(name) && value !== undefined) settings[name] = value;
	}
	for (const [name, value] of Object.entries(parameters)) {
		if (settingName.test(name) && value !== null && typeof value !== "object") settings[name] = String(value);
	}
	const missing = required.filter((name) => !settings[name]);
	if (missing.length === 0) return settings;
	throw new MissingSettings(
		missing.map(
			(name) => `The setting ${name} (${meanings[name] ?? "see the manual"}) is missing: deploy again with it.`,
		),
	);
}

/** A whole number of seconds as milliseconds. Throws a sentence when the setting is something else. */
export function secondsSetting(settings: Settings, name: string, defaultSeconds: number): number {
	const text = settings[name];
	if (text === undefined || text === "") return defaultSeconds * 1_000;
	const seconds = Number(text);
	if (Number.isFinite(seconds) && seconds > 0 && seconds <= 86_400) return seconds * 1_000;
	throw new Error(`The setting ${name} is "${text}"; it must be a number of seconds between 0 and 86400.`);
}
