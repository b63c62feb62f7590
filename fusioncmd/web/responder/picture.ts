/* A picture as it is sent: a JPEG of at most PICTURE_BYTES_MAX, made here from whatever the camera gave.
 *
 * Drawn anew, it carries neither place nor device: what a camera writes into a file stays on the phone. `BadPicture`
 * says in one sentence why there is none.
 */

import type { Bytes } from "../trust.js";

export const PICTURE_BYTES_MAX = 256 * 1024;
const FILE_BYTES_MAX = 40 * 1024 * 1024, SIDE_MAX = 1600, TYPES = ["image/jpeg", "image/png", "image/webp", "image/heic", "image/heif"];
const TRIES: readonly (readonly [number, number])[] = [[1, 0.8], [1, 0.6], [0.75, 0.6], [0.5, 0.6], [0.4, 0.4], [0.25, 0.4]];

export class BadPicture extends Error {
  constructor(readonly en: string, readonly zh: string) {
    super(en);
  }
}

export async function prepare(file: File): Promise<Bytes> {
  if (!TYPES.includes(file.type)) throw new BadPicture("This file is no photo: JPEG, PNG or WebP.", "此文件不是照片，请选 JPEG、PNG 或 WebP。");
  if (file.size > FILE_BYTES_MAX) throw new BadPicture("The photo is larger than 40 MB.", "照片超过 40 MB。");
  let drawn: ImageBitmap;
  try {
    drawn = await createImageBitmap(file);
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    throw new BadPicture("The photo cannot be read.", "照片无法读取。");
  }
  try {
    const fits = Math.min(1, SIDE_MAX / Math.max(drawn.width, drawn.height));
    for (const [scale, quality] of TRIES) {
      const blob = await jpeg(drawn, fits * scale, quality);
      if (blob && blob.size <= PICTURE_BYTES_MAX) return new Uint8Array(await blob.arrayBuffer());
    }
  } finally {
    drawn.close();
  }
  throw new BadPicture("The photo cannot be made small enough.", "照片无法压缩到可发送的大小。");
}

function jpeg(drawn: ImageBitmap, scale: number, quality: number): Promise<Blob | null> {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(drawn.width * scale));
  canvas.height = Math.max(1, Math.round(drawn.height * scale));
  canvas.getContext("2d")?.drawImage(drawn, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", quality));
}
