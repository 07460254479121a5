import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/** The grain in which zeros become holes: the block size of common file systems would gain little more. */
const holeBytes = 64 * 1024;
const zeros = Buffer.alloc(holeBytes);

/** Writes a stream to a file, zeros as holes. The file has its name only when it is complete. */
export async function receiveFile(path: string, source: AsyncIterable<Buffer>): Promise<void> {
	await mkdir(dirname(path), { recursive: true });
	const part = `${path}.part`;
	const file = await open(part, "w");
	try {
		let position = 0;
		for await (const chunk of source) {
			for (let start = 0; start < chunk.length; start += holeBytes) {
				const piece = chunk.subarray(start, start + holeBytes);
				if (piece.equals(zeros.subarray(0, piece.length))) continue;
				const { bytesWritten } = await file.write(piece, 0, piece.length, position + start);
				if (bytesWritten < piece.length) throw new Error(`No room for ${path}: the disk is full.`);
			}
			position += chunk.length;
		}
		await file.truncate(position);
	} catch (error) {
		await rm(part, { force: true });
		throw error;
	} finally {
		await file.close();
	}
	await rename(part, path);
}
