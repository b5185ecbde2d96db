/**
 * The mark of a value whose signatures were checked.
 *
 * Decoders return what the bytes say; only the `verify…` functions, and the `sign…` functions that
 * made the value here, return `Verified<T>`. Whatever trusts a statement or a prekey takes the
 * verified type, so that a forgotten check does not compile.
 */

declare const verified: unique symbol;

export type Verified<T> = T & { readonly [verified]: true };

/** Called by `verify…` and `sign…` functions only, after the last check. */
export function markVerified<T>(value: T): Verified<T> {
  return value as Verified<T>;
}
