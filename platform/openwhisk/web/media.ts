/** `text/html` of `Text/HTML; charset=utf-8`. */
export function mediaType(header: string): string {
	return (header.split(";")[0] ?? "").trim().toLowerCase();
}

export function isJson(media: string): boolean {
	return media === "application/json" || media.endsWith("+json");
}

const textApplications = new Set([
	"application/x-www-form-urlencoded",
	"application/javascript",
	"application/xml",
	"application/graphql",
	"image/svg+xml",
]);

/** Whether a body of this type travels as base64. JSON is not binary here; raw requests treat it as if it were. */
export function isBinary(header: string): boolean {
	const media = mediaType(header);
	if (media === "") return true; // no type at all is application/octet-stream
	if (media.startsWith("text/") || isJson(media) || media.endsWith("+xml") || textApplications.has(media)) return false;
	return !/;\s*charset=/i.test(header); // an unknown type with a charset is text
}
