import { readFileSync } from "node:fs";

/** The project's version, as the datamover API shows it. */
export const version: string = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")).version;
