/** What a client does with media: sending, looking, fetching, reading; the facade's part for it. */

import { TumarError } from "../../shared/crypto/errors.ts";
import type { PartRole } from "../../shared/e2ee/media.ts";
import type { Core } from "./context.ts";
import { discardPart, fetchPart, openPart, partsWanted } from "./fetch-media.ts";
import { followMedia, refreshMedia } from "./refresh-media.ts";
import { type MediaHooks, sendMedia } from "./send-media.ts";
import type { FetchOptions, SendMediaOptions } from "./types.ts";

export class Media {
  readonly #core: Core;
  readonly #hooks: MediaHooks;

  constructor(core: Core, hooks: MediaHooks) {
    this.#core = core;
    this.#hooks = hooks;
  }

  send(nameOrPrefix: string, options: SendMediaOptions): Promise<Uint8Array> {
    return sendMedia(this.#core, this.#hooks, nameOrPrefix, options);
  }

  refresh(ids?: readonly Uint8Array[]): Promise<void> {
    return refreshMedia(this.#core, ids);
  }

  /** While somebody waits for messages; the result ends it. */
  follow(): () => void {
    return followMedia(this.#core);
  }

  async fetch(id: Uint8Array, options: FetchOptions): Promise<void> {
    const parts = await this.#core.vault.read((view) => partsWanted(view, id, options.part));
    for (const part of parts) await fetchPart(this.#core, id, part, options);
  }

  async *open(id: Uint8Array, role: PartRole): AsyncGenerator<Uint8Array> {
    const [part] = await this.#core.vault.read((view) => partsWanted(view, id, role));
    if (part === undefined) throw new TumarError("MEDIA_UNKNOWN", "the message has no such part");
    yield* openPart(this.#core, id, part);
  }

  async discard(id: Uint8Array): Promise<void> {
    const parts = await this.#core.vault.read((view) => partsWanted(view, id, undefined));
    for (const part of parts) await discardPart(this.#core, id, part);
    this.#core.emit({ type: "media", id });
  }
}
