/** `hello`: the first frame of every channel, and the cheap question that shows a connection lives. */

import { TumarError } from "../../shared/crypto/errors.ts";
import type { ClientFrame, HelloAnswer, RelayFrame, RequestId } from "../../shared/wire/frames.ts";
import { PROTOCOL_VERSION } from "../../shared/wire/limits.ts";
import { frameSize, type Outgoing } from "./outgoing.ts";

const BODY = { type: "hello", version: PROTOCOL_VERSION } as const;
const SIZE: number = frameSize(BODY);

export interface HelloEvents {
  onHello(hello: HelloAnswer): void;
  onRefused(error: TumarError): void;
}

export class HelloRequest implements Outgoing {
  readonly type = "hello";
  readonly size: number = SIZE;
  readonly proveWith = undefined;
  readonly isSettled = false;
  readonly #events: HelloEvents;

  constructor(events: HelloEvents) {
    this.#events = events;
  }

  frame(requestId: RequestId): ClientFrame {
    return { ...BODY, requestId };
  }

  onAnswer(answer: RelayFrame): void {
    if (answer.type !== "hello.answer") throw new TumarError("RELAY_FAULT", "no answer to hello");
    this.#events.onHello(answer);
  }

  onRefused(error: TumarError): void {
    this.#events.onRefused(error);
  }

  onBroken(): void {}
}
