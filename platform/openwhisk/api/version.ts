import { refuse } from "./errors.ts";

export const firstVersion = "0.0.1";

/** An overwrite takes the version it names, or bumps the patch of the old one. */
export function nextVersion(given: unknown, old: string | undefined): string {
	if (given !== undefined && given !== null) {
		if (typeof given === "string" && /^\d+\.\d+\.\d+$/.test(given)) return given;
		throw refuse("malformedContent", `The version '${given}' is not of the form 'major.minor.patch'.`);
	}
	if (old === undefined) return firstVersion;
	const [major, minor, patch] = old.split(".");
	return `${major}.${minor}.${Number(patch) + 1}`;
}
