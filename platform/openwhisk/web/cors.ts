import type { IncomingHttpHeaders } from "node:http";
import { webMethods } from "./methods.ts";

const defaultAllowedHeaders = "Authorization, Origin, X-Requested-With, Content-Type, Accept, User-Agent";

/** Added to every answer of a web action that does not answer OPTIONS itself (`web-custom-options`). */
export function corsHeaders(request: IncomingHttpHeaders): Record<string, string> {
	const asked = request["access-control-request-headers"];
	return {
		"access-control-allow-origin": "*",
		"access-control-allow-methods": webMethods.join(", "),
		"access-control-allow-headers": typeof asked === "string" && asked !== "" ? asked : defaultAllowedHeaders,
	};
}
