// Every test file is its own process: some of them start real servers and kill them with SIGKILL.
export default {
	files: ["test/**/*.test.ts"],
	extensions: ["ts"],
	workerThreads: false,
	concurrency: 2,
	timeout: "3m",
	// The openwhisk client takes HTTP_PROXY for every address; nothing that a test talks to is beyond the loopback.
	environmentVariables: { NO_PROXY: "127.0.0.1" },
};
