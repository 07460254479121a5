// Every test file is its own process: some of them start real servers and kill them with SIGKILL.
export default {
	files: ["test/**/*.test.ts"],
	extensions: ["ts"],
	workerThreads: false,
	concurrency: 2,
	timeout: "3m",
};
