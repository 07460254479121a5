/** The settings of every function that talks to the store and to Keystone. */
export const commonSettings = ["MONGODB_URI", "OS_AUTH_URL", "OS_USERNAME", "OS_PASSWORD", "OS_PROJECT_NAME"] as const;
