/** Beyond 2 GiB, so that nobody reads it by chance. */
export const farLba = 5_000_000;
/** Where the guest writes. */
export const overlayLba = 1234;

const at = 0x7c00;
const buffer = 0x8000;

const word = (value: number): number[] => [value & 0xff, value >> 8];

/** A packet of the BIOS' extended disk calls: one sector between `buffer` and the disk. */
const packet = (lba: number): number[] => {
	const block = Buffer.alloc(8);
	block.writeBigUInt64LE(BigInt(lba));
	return [0x10, 0, 1, 0, ...word(buffer), 0, 0, ...block];
};

/**
 * The smallest guest there is, 8086 code in one sector: it reads the sector at `farLba` through the BIOS, writes it to
 * `overlayLba`, says what is in it up to a zero byte on the serial port, and ends QEMU (isa-debug-exit) with code 33,
 * or with 35 where the disk failed it.
 */
export const bootSector = (): Buffer => {
	const packetsAt = at + 0x80;
	const failAt = at + 0x60;
	const code: number[] = [];
	const here = (): number => at + code.length;
	const failOnCarry = (): void => void code.push(0x72, failAt - (here() + 2));
	// cli; segments to zero; stack below us; sti. The BIOS left the drive's number in dl.
	code.push(0xfa, 0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xd0, 0xbc, ...word(at), 0xfb);
	// mov si, packet; mov ah, 42h (read); int 13h
	code.push(0xbe, ...word(packetsAt), 0xb4, 0x42, 0xcd, 0x13);
	failOnCarry();
	// mov si, packet; mov ax, 4300h (write, no verify); int 13h
	code.push(0xbe, ...word(packetsAt + 16), 0xb8, 0x00, 0x43, 0xcd, 0x13);
	failOnCarry();
	// mov si, buffer; next: lodsb; test al, al; jz done; mov dx, 3f8h; out dx, al; jmp next
	code.push(0xbe, ...word(buffer), 0xac, 0x84, 0xc0, 0x74, 0x06, 0xba, 0xf8, 0x03, 0xee, 0xeb, 0xf5);
	// done: mov al, 10h; out f4h, al; hlt
	code.push(0xb0, 0x10, 0xe6, 0xf4, 0xf4);
	const sector = Buffer.alloc(512);
	sector.set(code, 0);
	// mov al, 11h; out f4h, al; hlt
	sector.set([0xb0, 0x11, 0xe6, 0xf4, 0xf4], failAt - at);
	sector.set([...packet(farLba), ...packet(overlayLba)], packetsAt - at);
	sector.set([0x55, 0xaa], 510);
	return sector;
};
