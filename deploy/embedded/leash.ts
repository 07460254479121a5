// Loaded before the script of every process of the embedded stack (`node --import`): when the stack's own process
// goes away, SIGKILL included, its IPC channel closes and this process ends as if it had been asked to.
if (process.channel) {
	process.channel.unref();
	process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
}
