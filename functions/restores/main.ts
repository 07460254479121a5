import { webAction } from "#functions/adapter/openwhisk.ts";
import { commonSettings } from "#functions/adapter/required.ts";
import { restores } from "./handler.ts";

export const main = webAction(restores, { name: "restores", required: commonSettings });
