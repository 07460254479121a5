import { action } from "#functions/adapter/openwhisk.ts";
import { commonSettings } from "#functions/adapter/required.ts";
import { orchestrate } from "./handler.ts";

export const main = action(orchestrate, { name: "orchestrator", required: commonSettings });
