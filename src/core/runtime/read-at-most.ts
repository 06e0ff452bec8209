import type { FileHandle } from 'node:fs/promises';

const PIECE = 64 * 1024;

/** The rest of an open file; undefined when it has more than `most` bytes, also when it grows while it is read. */
export async function readAtMost(file: FileHandle, most: number): Promise<Buffer | undefined> {
  const parts: Buffer[] = [];
  let length = 0;
  for (;;) {
    const piece = Buffer.allocUnsafe(PIECE);
    const { bytesRead } = await file.read(piece, 0, PIECE, null);
    if (bytesRead === 0) return Buffer.concat(parts, length);
    parts.push(piece.subarray(0, bytesRead));
    length += bytesRead;
    if (length > most) return undefined;
  }
}
