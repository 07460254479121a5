// What an error looks like in JSON: name, message, stack and its own enumerable properties; cycles are named, not followed.
"use strict";

function plain(value, seen) {
	if (typeof value === "function") return `[Function: ${value.name || "anonymous"}]`;
	if (typeof value === "bigint") return String(value);
	if (typeof value !== "object" || value === null) return value;
	if (seen.has(value)) return "[Circular]";
	if (Buffer.isBuffer(value)) return "[object Buffer]";
	if (typeof value.toJSON === "function") return value.toJSON();
	const path = new Set(seen).add(value);
	if (Array.isArray(value)) return value.map((item) => plain(item, path));
	const copy = {};
	for (const [key, item] of Object.entries(value)) if (typeof item !== "function") copy[key] = plain(item, path);
	if (value instanceof Error)
		for (const key of ["name", "message", "stack", "code", "cause"])
			if (value[key] !== undefined) copy[key] = plain(value[key], path);
	return copy;
}

/** A rejection without a value becomes `{}`: the result must still hold an `error` key. */
exports.serializeError = (error) => (error === undefined || error === null ? {} : plain(error, new Set()));
