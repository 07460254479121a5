import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const fixtures = fileURLToPath(new URL("./fixtures", import.meta.url));

/** A small manifest with the shapes of the real one; `extra` is put at the end, at the level of `holdfast`'s keys. */
export function writeManifest(folder: string, { actions = "", rules = "", extra = "" } = {}): string {
	const path = join(folder, "manifest.yaml");
	const text = `
packages:
  fixtures:
    inputs:
      GREETED: { type: string, required: true, value: $GREETED }
      SECRET: { type: string, required: true, value: $SECRET }
      OPTIONAL: { type: string, value: "at \${OPTIONAL}" }
    actions:
      greet:
        function: ${fixtures}/greet/main.ts
        runtime: nodejs:20
        limits: { timeout: 5000, memorySize: 128 }
        annotations:
          web-export: true
          raw-http: true
          final: true
          web-custom-options: true
          require-whisk-auth: $GATEWAY
      record:
        function: ${fixtures}/record/main.ts
        runtime: nodejs:20
        annotations: { provide-api-key: true }
${actions}
    triggers:
      changed: {}
    rules:
      changed-records:
        trigger: changed
        action: record
${rules}
${extra}
`;
	writeFileSync(path, text);
	return path;
}

export const environment = { GREETED: "world", SECRET: "hunter2", GATEWAY: "gateway-secret" };
