/** An action as the runtime sees it: merged with its package, ready to be started. */
export type InvokableAction = {
	/** Identifies this exact code and these exact bound parameters; a warm container serves no other. */
	readonly key: string;
	/** Identifies the action over its revisions; warm containers of older ones are let go. */
	readonly id: string;
	readonly namespace: string;
	/** `/namespace/package/name` or `/namespace/name`. */
	readonly fullName: string;
	readonly version: string;
	readonly main: string;
	readonly binary: boolean;
	/** Read only for a cold start. */
	readonly code: () => Promise<string>;
	readonly timeoutMs: number;
	readonly memoryMb: number;
	readonly logBytes: number;
};
