/** OpenStack's form. A caller's id of any other form is ignored: it would end up in our log. */
const form = /^req-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export type RequestIds = {
	/** Ours, new for every request: `req-<uuid>`. */
	local: string;
	/** The caller's, by which one operation is found in the logs of all services. */
	global: string | undefined;
};

export const requestIdsOf = (inbound: string | undefined, newId: () => string): RequestIds => ({
	local: `req-${newId()}`,
	global: inbound !== undefined && form.test(inbound) ? inbound : undefined,
});

/** OpenWhisk's transaction id is 32 hex digits; ours, so that its logs can be searched with it. */
export const transactionIdOf = (ids: RequestIds): string => ids.local.slice("req-".length).replaceAll("-", "");
