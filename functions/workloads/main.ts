import { webAction } from "#functions/adapter/openwhisk.ts";
import { commonSettings } from "#functions/adapter/required.ts";
import { workloads } from "./handler.ts";

export const main = webAction(workloads, { name: "workloads", required: commonSettings });
