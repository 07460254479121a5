import type { Command } from "commander";
import { usage } from "./failure.ts";

/** Adds `--limit` to a list. Pages are followed by themselves; without it everything is listed. */
export const withLimit = (command: Command): Command =>
	command.option("--limit <rows>", "at most this many", readLimit);

const readLimit = (text: string): number => {
	if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
	throw usage(`--limit must be a number from 1, not ${text}.`);
};
