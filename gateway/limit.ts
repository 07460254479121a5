/** OpenWhisk's limit for an activation's arguments, which hold the body. */
const payloadBytes = 1_048_576;
/** Headers, path and query travel in the same arguments; Node takes at most 16 KiB of headers, JSON escapes may double them. */
const headroomBytes = 65_536;

/** JSON bodies reach the function as base64: four bytes for three. 720 KiB. */
export const bodyLimitBytes = Math.floor(((payloadBytes - headroomBytes) * 3) / 4);
