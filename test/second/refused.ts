/**
 * The one way this implementation says no. `code` is a word of the page where the page has one
 * (IDENTITY_CHANGED, CANNOT_DECRYPT, ALREADY_OPENED), else MALFORMED.
 */

export type RefusalCode =
  | "MALFORMED"
  | "BAD_SIGNATURE"
  | "NOT_ALLOWED"
  | "IDENTITY_CHANGED"
  | "CANNOT_DECRYPT"
  | "ALREADY_OPENED";

export class Refused extends Error {
  readonly code: RefusalCode;

  constructor(code: RefusalCode, why: string, options?: ErrorOptions) {
    super(why, options);
    this.code = code;
  }
}

/** Refuses as MALFORMED (or as `code`) unless `condition` holds. */
export function demand(
  condition: boolean,
  why: string,
  code: RefusalCode = "MALFORMED",
): asserts condition {
  if (!condition) throw new Refused(code, why);
}

/** Runs `work`; whatever goes wrong in it is CANNOT_DECRYPT, except what is already opened. */
export function cannotDecrypt<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof Refused && cause.code === "ALREADY_OPENED") throw cause;
    throw new Refused("CANNOT_DECRYPT", "cannot decrypt", { cause });
  }
}
