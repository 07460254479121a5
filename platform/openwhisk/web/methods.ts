/** The verbs a web action may be called with, in the order the CORS header lists them. */
export const webMethods = ["OPTIONS", "GET", "DELETE", "POST", "PUT", "HEAD", "PATCH"] as const;

export const isWebMethod = (method: string) => (webMethods as readonly string[]).includes(method);
