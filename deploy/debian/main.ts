import { installMissingPackages, PackagesMissing } from "./install.ts";

try {
	installMissingPackages((line) => console.error(line));
} catch (error) {
	if (!(error instanceof PackagesMissing)) throw error;
	console.error(error.message);
	process.exitCode = 1;
}
