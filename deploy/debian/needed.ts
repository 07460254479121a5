/** The programs that Holdfast calls, and the Debian package that each comes from. */
export const neededPrograms = {
	"qemu-img": { debianPackage: "qemu-utils", for: "looking at and making disk images" },
	"qemu-nbd": { debianPackage: "qemu-utils", for: "reading and writing disk images" },
	"qemu-io": { debianPackage: "qemu-utils", for: "the demo's and the tests' random writes" },
	nbdinfo: { debianPackage: "libnbd-bin", for: "checking our NBD client against another one" },
	nbdcopy: { debianPackage: "libnbd-bin", for: "checking our NBD server with another client" },
	"mkfs.ext4": { debianPackage: "e2fsprogs", for: "the demo's file systems" },
	debugfs: { debianPackage: "e2fsprogs", for: "changing files in the demo's disks without mounting them" },
} as const satisfies Record<string, { debianPackage: string; for: string }>;
