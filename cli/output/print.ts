import type { Command } from "commander";
import { stringify } from "yaml";
import { usage } from "../failure.ts";
import { type Column, pickColumns } from "./column.ts";
import { csv } from "./csv.ts";
import { table } from "./table.ts";
import { textOf } from "./text.ts";

export const formats = ["table", "json", "yaml", "value", "csv"] as const;
export type Format = (typeof formats)[number];

type Chosen = { format: string; column?: string[] };

/** Adds `-f` and `-c` to a command that prints something. */
export const withOutput = (command: Command): Command =>
	command
		.option("-f, --format <format>", `how to print: ${formats.join(", ")}`, "table")
		.option("-c, --column <column>", "only this column; may be repeated", (one, all: string[] = []) => [...all, one]);

const chosenOf = <T>(command: Command, columns: readonly Column<T>[]) => {
	const { format, column = [] } = command.opts<Chosen>();
	if (!(formats as readonly string[]).includes(format)) {
		throw usage(`There is no format "${format}"; there are ${formats.join(", ")}.`);
	}
	return { format: format as Format, picked: pickColumns(columns, column) };
};

/** Checks `-f` and `-c` before anything is done. Throws a sentence. */
export const checkOutput = <T>(command: Command, columns: readonly Column<T>[]): void =>
	void chosenOf(command, columns);

/** A list as text in the format that was asked for. */
export const listText = <T>(command: Command, columns: readonly Column<T>[], rows: readonly T[]): string => {
	const { format, picked } = chosenOf(command, columns);
	const values = rows.map((row) => picked.map((column) => column.value(row)));
	const objects = () => rows.map((row) => objectOf(picked, row));
	switch (format) {
		case "json":
			return `${JSON.stringify(objects(), null, 2)}\n`;
		case "yaml":
			return stringify(objects());
		case "csv":
			return csv([picked.map(({ name }) => name), ...values]);
		case "value":
			return values.map((row) => `${row.map(lineOf).join(" ")}\n`).join("");
		case "table":
			return table(
				picked.map(({ name }) => name),
				rows.map((row) => picked.map((column) => shown(column, row))),
			);
	}
};

/** One object as text: a field a line, except CSV, which has one row. */
export const oneText = <T>(command: Command, columns: readonly Column<T>[], row: T): string => {
	const { format, picked } = chosenOf(command, columns);
	switch (format) {
		case "json":
			return `${JSON.stringify(objectOf(picked, row), null, 2)}\n`;
		case "yaml":
			return stringify(objectOf(picked, row));
		case "csv":
			return csv([picked.map(({ name }) => name), picked.map((column) => column.value(row))]);
		case "value":
			return picked.map((column) => `${lineOf(column.value(row))}\n`).join("");
		case "table":
			return table(
				["Field", "Value"],
				picked.map((column) => [column.name, shown(column, row)]),
			);
	}
};

const objectOf = <T>(columns: readonly Column<T>[], row: T): Record<string, unknown> =>
	Object.fromEntries(columns.map((column) => [column.name, column.value(row) ?? null]));

const shown = <T>(column: Column<T>, row: T): string => textOf(column.shown ? column.shown(row) : column.value(row));

/** Scripts read line by line. */
const lineOf = (value: unknown): string => textOf(value).replaceAll("\n", "\\n");
