/** RFC 4180 quoting; like OpenStack's clients, everything that is not a number is quoted. Lines end with LF. */
export const csv = (rows: readonly (readonly unknown[])[]): string =>
	rows.map((row) => `${row.map(cell).join(",")}\n`).join("");

const cell = (value: unknown): string => {
	if (typeof value === "number") return String(value);
	if (value === null || value === undefined) return '""';
	const text = typeof value === "object" ? JSON.stringify(value) : String(value);
	return `"${text.replaceAll('"', '""')}"`;
};
