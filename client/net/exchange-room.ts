/**
 * How much fits one exchange: frames into message 1, and what the relay keeps free for their answers
 * into message 2 (shared/wire/answer-room.ts). So every frame that goes out is answered.
 */

import { toHex } from "../../shared/crypto/bytes.ts";
import { answerRoom, exchangeRoom } from "../../shared/wire/answer-room.ts";
import { CHANNEL_BUCKETS } from "../../shared/wire/limits.ts";
import { frameRoom } from "../../shared/wire/padding.ts";
import type { Outgoing } from "./outgoing.ts";
import { PROVE_BYTES } from "./prove-request.ts";

/**
 * `hello`, a proof, an acknowledgement and a subscription: however few frames a relay says it takes, what
 * has to travel together does, or it would wait for ever.
 */
const LEAST_FRAMES = 4;

export class ExchangeRoom {
  readonly #maxAnswerBytes: number;
  readonly #proven = new Set<string>();
  #requestLeft: number;
  #answerUsed = 0;
  #framesLeft: number;
  #isElastic = false;

  /** `maxFrames`: what the relay takes in a second. `requestBytes`: of message 1. */
  constructor(maxAnswerBytes: number, maxFrames: number, requestBytes?: number) {
    this.#requestLeft = frameRoom("message1", requestBytes);
    this.#maxAnswerBytes = maxAnswerBytes;
    this.#framesLeft = Math.max(maxFrames, LEAST_FRAMES);
  }

  /** Takes the frame, with the proof it needs if that is the first of its key; false if it does not fit. */
  take({ type, size, proveWith, answerBytes = 0 }: Outgoing): boolean {
    const key = proveWith === undefined ? undefined : toHex(proveWith.publicKey);
    const needsProof = key !== undefined && !this.#proven.has(key);
    const { bytes, isElastic } = answerRoom(type);
    const wanted = Math.min(answerBytes, exchangeRoom(this.#maxAnswerBytes) - this.#answerUsed);
    const request = size + (needsProof ? PROVE_BYTES : 0);
    const answer =
      this.#answerUsed + Math.max(bytes, wanted) + (needsProof ? answerRoom("prove").bytes : 0);
    const frames = needsProof ? 2 : 1;
    const fits =
      request <= this.#requestLeft &&
      answer <= exchangeRoom(this.#maxAnswerBytes) &&
      frames <= this.#framesLeft;
    if (!fits) return false;
    if (key !== undefined) this.#proven.add(key);
    this.#requestLeft -= request;
    this.#answerUsed = answer;
    this.#framesLeft -= frames;
    this.#isElastic ||= isElastic;
    return true;
  }

  /** The longest answer that may come. */
  get answerBytes(): number {
    if (this.#isElastic) return this.#maxAnswerBytes;
    return (
      CHANNEL_BUCKETS.find((bucket) => exchangeRoom(bucket) >= this.#answerUsed) ??
      this.#maxAnswerBytes
    );
  }
}
