import type { BSONRegExp } from "bson";
import { Failure, refuse } from "./failure.ts";

const maxPatternLength = 1000;
/** Escapes that mean the same in PCRE (MongoDB) and in JavaScript: ASCII classes, word edges, punctuation. */
const commonEscape = /^[dDwWbB.*+?^${}()|[\]\\/-]$/;

/**
 * Translates a PCRE pattern from the part of the language where both engines agree; the rest is refused, since a
 * pattern that silently means something else is worse than none. `.` and `$` differ about line ends and are rewritten.
 * @throws Failure BadValue
 */
export function compilePattern({ pattern, options }: Pick<BSONRegExp, "pattern" | "options">): RegExp {
	if (pattern.length > maxPatternLength) refuse(`A regular expression over ${maxPatternLength} characters`);
	if (!/^i?m?$/.test(options)) refuse(`The regular expression option set '${options}' (only i and m are supported)`);
	const multiline = options.includes("m");
	let source = "";
	let inClass = false;
	for (let i = 0; i < pattern.length; i++) {
		const char = pattern[i] as string;
		const next = pattern[i + 1] ?? "";
		if (char === "\\") {
			if (!commonEscape.test(next)) refuse(`The escape \\${next} in a regular expression`);
			if (inClass && /[bB]/.test(next)) refuse(`The escape \\${next} inside a character class`);
			source += char + next;
			i++;
		} else if (inClass) {
			if (char === "[") refuse("A nested character class in a regular expression");
			if (char === "]") inClass = false;
			source += char;
		} else if (char === "[") {
			if (next === "]" || (next === "^" && pattern[i + 2] === "]")) refuse("A character class that starts with ]");
			inClass = true;
			source += char;
		} else if (char === "(" && (next === "?" || next === "*")) {
			refuse(`The group (${next}…) in a regular expression`);
		} else if (/[*+?}]/.test(char) && next === "+") {
			refuse("A possessive quantifier in a regular expression");
		} else if (char === ".") source += "[^\\n]";
		else if (char === "$") source += multiline ? "(?=\\n|(?![^]))" : "(?=\\n?(?![^]))";
		else if (char === "^") source += multiline ? "(?<=\\n|(?<![^]))" : "(?<![^])";
		else source += char;
	}
	try {
		return new RegExp(source, options.includes("i") ? "iu" : "u");
	} catch {
		throw new Failure("BadValue", `The regular expression '${pattern}' cannot be compiled`);
	}
}
