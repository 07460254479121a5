/** Control characters (C0, DEL, C1) of what others wrote must not reach a terminal as such. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const control = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g;

/** One cell as text. Nothing is `None`, as in OpenStack's clients; lists and mappings are JSON. */
export const textOf = (value: unknown): string => {
	if (value === null || value === undefined) return "None";
	const text = typeof value === "object" ? JSON.stringify(value) : String(value);
	return text.replaceAll(control, (one) => `\\x${one.charCodeAt(0).toString(16).padStart(2, "0")}`);
};
