import { webAction } from "#functions/adapter/openwhisk.ts";
import { commonSettings } from "#functions/adapter/required.ts";
import { snapshots } from "./handler.ts";

export const main = webAction(snapshots, { name: "snapshots", required: commonSettings });
