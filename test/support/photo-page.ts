/** A page that prepares photos as an app does; tests drive it through `window.photos`. */

import { photoCopy } from "../../client/media/browser/photo-copy.ts";
import { prepareMedia } from "../../client/media/prepare.ts";
import { fileOf } from "../../client/media/source.ts";

export interface PhotoPage {
  /** The cleaned photo and its small copy, in base64. */
  prepare(photo: string): Promise<{ readonly whole: string; readonly preview: string | null }>;
  /** The code a copy of this is refused with. */
  copyFault(photo: string): Promise<unknown>;
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function toBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

const photos: PhotoPage = {
  async prepare(photo) {
    const { preview, stream } = await prepareMedia({
      kind: "photo",
      source: fileOf(fromBase64(photo)),
      name: "a.jpg",
      keepMetadata: false,
      isLive: false,
      makePreview: photoCopy,
    });
    let whole = "";
    for await (const piece of stream) whole += toBase64(piece);
    return { whole, preview: preview === null ? null : toBase64(preview) };
  },

  async copyFault(photo) {
    try {
      await photoCopy(fromBase64(photo));
    } catch (error) {
      return (error as { readonly code?: unknown }).code;
    }
    return null;
  },
};

Object.assign(globalThis, { photos });
