import type { NbdAddress } from "#nbd/stream.ts";

/** The address of an export as the NBD project's URI page defines it, and as qemu and libnbd take it. */
export const uriOf = (address: NbdAddress, name: string): string => {
	const path = name.split("/").map(encodeURIComponent).join("/");
	return "path" in address
		? `nbd+unix:///${path}?socket=${encodeURIComponent(address.path).replaceAll("%2F", "/")}`
		: `nbd://${address.host}:${address.port}/${path}`;
};
