/** Hands an operation to the group commit and answers its frame when it is on disk. */

import type { ErrorCode } from "../shared/crypto/errors.ts";
import type { RequestId } from "../shared/wire/frames.ts";
import { encodePuzzle } from "../shared/wire/puzzle.ts";
import type { ReceiptProof } from "../shared/wire/receipt.ts";
import type { FrameContext } from "./frame-context.ts";
import type { Services } from "./services.ts";
import type { Outcome } from "./store/group-commit.ts";
import type { Operation } from "./store/store.ts";

type ValueOf<Op extends Operation> = Extract<
  Outcome<Op, ReceiptProof>,
  { readonly ok: true }
>["value"];

/** `then` gets the value of an operation that was done; one that was refused is answered here. */
export function submit<Op extends Operation>(
  { services, peer }: FrameContext,
  requestId: RequestId,
  operation: Op,
  then: (value: ValueOf<Op>) => void,
): void {
  services.commits.submit(operation).then(
    (outcome) => {
      if (!outcome.ok) peer.refuse(requestId, outcome.code, dataOf(services, outcome.code));
      else then(outcome.value as ValueOf<Op>);
    },
    (error: unknown) => peer.fail(requestId, error),
  );
}

/** What the table of errors promises beside a code. */
function dataOf({ pressure }: Services, code: ErrorCode): Uint8Array | undefined {
  return code === "PUZZLE_REQUIRED" ? encodePuzzle(pressure.required) : undefined;
}

/** For frames that are answered `ok`. */
export function submitOk(context: FrameContext, requestId: RequestId, operation: Operation): void {
  submit(context, requestId, operation, () => context.peer.send({ type: "ok", requestId }));
}
