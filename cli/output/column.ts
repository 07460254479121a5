import { usage } from "../failure.ts";

/** One column of a list, or one field of a show. */
export type Column<T> = {
	name: string;
	/** What JSON, YAML, CSV and `value` get. */
	value: (row: T) => unknown;
	/** What a table shows instead, for people. */
	shown?: (row: T) => string;
};

/** `createdat`, `Created At` and `created_at` are the same column. */
const plain = (name: string): string => name.toLowerCase().replaceAll(/[\s_-]/g, "");

/** The columns that `-c` asks for, in the order they have; all without any. Throws a sentence with the known ones. */
export const pickColumns = <T>(columns: readonly Column<T>[], wanted: readonly string[]): readonly Column<T>[] => {
	const unknown = wanted.filter((name) => !columns.some((column) => plain(column.name) === plain(name)));
	if (unknown.length > 0) {
		const known = columns.map(({ name }) => name).join(", ");
		throw usage(`There is no column ${unknown.map((name) => `"${name}"`).join(", ")}; there are ${known}.`);
	}
	return wanted.length === 0 ? columns : columns.filter(({ name }) => wanted.some((one) => plain(one) === plain(name)));
};
