import { webAction } from "#functions/adapter/openwhisk.ts";
import { commonSettings } from "#functions/adapter/required.ts";
import { datamover } from "./handler.ts";

export const main = webAction(datamover, { name: "datamover", required: commonSettings });
