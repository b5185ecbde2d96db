/** Frames drawn from the frame table: each valid frame of each type can come up. */

import fc from "fast-check";
import type { FieldSpec } from "../../shared/wire/frame-fields.ts";
import { FRAME_SPECS, type FrameSpec } from "../../shared/wire/frame-table.ts";
import type { Frame } from "../../shared/wire/frames.ts";

const PLAIN = { noNullPrototype: true } as const;

export function arbitraryField(spec: FieldSpec): fc.Arbitrary<unknown> {
  switch (spec.kind) {
    case "uint":
      return spec.oneOf === undefined
        ? fc.oneof(
            fc.maxSafeNat().map((n) => clamp(n, spec)),
            fc.constantFrom(spec.min, spec.max),
          )
        : fc.constantFrom(...spec.oneOf);
    case "flag":
      return fc.boolean();
    case "bytes":
      return fc.constantFrom(...(spec.oneOf ?? [spec.min, spec.max])).chain(arbitraryBytes);
    case "text":
      return fc.string({ maxLength: spec.max });
    case "list":
      return fc.array(arbitraryField(spec.of), {
        minLength: spec.min,
        maxLength: Math.min(spec.max, spec.min + 4),
      });
    case "tuple":
      return fc.record(
        Object.fromEntries(
          Object.entries(spec.fields).map(([name, field]) => [name, arbitraryField(field)]),
        ),
        PLAIN,
      );
  }
}

/** Long strings repeat one byte: what they hold is not the subject, and shrinking them is slow. */
export function arbitraryBytes(length: number): fc.Arbitrary<Uint8Array> {
  return length <= 64
    ? fc.uint8Array({ minLength: length, maxLength: length })
    : fc.nat({ max: 255 }).map((byte) => new Uint8Array(length).fill(byte));
}

function clamp(value: number, bounds: { readonly min: number; readonly max: number }): number {
  return bounds.min + (value % (bounds.max - bounds.min + 1));
}

export function arbitraryFrame(spec: FrameSpec): fc.Arbitrary<Frame> {
  const fields = spec.fields.map(([name, field]) => [name, arbitraryField(field)] as const);
  const model = {
    type: fc.constant(spec.type),
    requestId: fc.integer({ min: 1, max: 0xffff_ffff }),
    ...Object.fromEntries(fields),
  };
  return fc.record(model, PLAIN) as fc.Arbitrary<unknown> as fc.Arbitrary<Frame>;
}

export const anyFrame: fc.Arbitrary<Frame> = fc.oneof(...FRAME_SPECS.map(arbitraryFrame));
