// Loaded before the script of every process of the embedded stack (`node --import`): when the stack's own process
// goes away, SIGKILL included, its IPC channel closes and this process ends as if it had been asked to. Nobody is left
// then to insist, so it does that itself.
const insistAfterMs = 15_000;

if (process.channel) {
	process.channel.unref();
	process.once("disconnect", () => {
		setTimeout(() => process.kill(process.pid, "SIGKILL"), insistAfterMs).unref();
		process.kill(process.pid, "SIGTERM");
	});
}
