/**
 * The vocabulary of the frame table: what a field of a frame may be, with its bounds.
 *
 * `SpecOf<T>` ties each TypeScript type to the one kind of field that carries it, so that the
 * compiler refuses a table that does not describe the frames of frames.ts.
 */

export interface UintSpec {
  readonly kind: "uint";
  readonly min: number;
  readonly max: number;
  /** When given, the only values allowed. */
  readonly oneOf?: readonly number[];
  readonly doc: string;
}

/** 0 or 1 on the wire, false or true in memory. */
export interface FlagSpec {
  readonly kind: "flag";
  readonly doc: string;
}

export interface BytesSpec {
  readonly kind: "bytes";
  readonly min: number;
  readonly max: number;
  /** When given, the only lengths allowed. */
  readonly oneOf?: readonly number[];
  readonly doc: string;
}

/** Bounds count UTF-8 bytes. */
export interface TextSpec {
  readonly kind: "text";
  readonly max: number;
  readonly doc: string;
}

export interface ListSpec<Item = unknown> {
  readonly kind: "list";
  readonly of: SpecOf<Item>;
  readonly min: number;
  readonly max: number;
  readonly doc: string;
}

/** A fixed array on the wire, an object in memory; the order of `fields` is the order on the wire. */
export interface TupleSpec<Item = unknown> {
  readonly kind: "tuple";
  readonly fields: FieldSpecs<Item>;
  readonly doc: string;
}

export type FieldSpecs<Body> = { readonly [Name in keyof Body]-?: SpecOf<Body[Name]> };

export type SpecOf<T> = unknown extends T
  ? FieldSpec
  : T extends boolean
    ? FlagSpec
    : T extends number
      ? UintSpec
      : T extends string
        ? TextSpec
        : T extends Uint8Array
          ? BytesSpec
          : T extends readonly (infer Item)[]
            ? ListSpec<Item>
            : TupleSpec<T>;

export type FieldSpec = UintSpec | FlagSpec | BytesSpec | TextSpec | AnyListSpec | AnyTupleSpec;

/** `ListSpec` and `TupleSpec` as the codec sees them, without the type of their items. */
export interface AnyListSpec {
  readonly kind: "list";
  readonly of: FieldSpec;
  readonly min: number;
  readonly max: number;
  readonly doc: string;
}

export interface AnyTupleSpec {
  readonly kind: "tuple";
  readonly fields: Readonly<Record<string, FieldSpec>>;
  readonly doc: string;
}

export function uint(min: number, max: number, doc: string): UintSpec {
  return { kind: "uint", min, max, doc };
}

export function choice(oneOf: readonly number[], doc: string): UintSpec {
  return { kind: "uint", min: Math.min(...oneOf), max: Math.max(...oneOf), oneOf, doc };
}

export function flag(doc: string): FlagSpec {
  return { kind: "flag", doc };
}

export function bytes(length: number, doc: string): BytesSpec {
  return { kind: "bytes", min: length, max: length, doc };
}

export function bytesUpTo(min: number, max: number, doc: string): BytesSpec {
  return { kind: "bytes", min, max, doc };
}

export function bytesOneOf(oneOf: readonly number[], doc: string): BytesSpec {
  return { kind: "bytes", min: Math.min(...oneOf), max: Math.max(...oneOf), oneOf, doc };
}

export function text(max: number, doc: string): TextSpec {
  return { kind: "text", max, doc };
}

export function list<Item>(
  of: SpecOf<Item>,
  min: number,
  max: number,
  doc: string,
): ListSpec<Item> {
  return { kind: "list", of, min, max, doc };
}

export function tuple<Item>(fields: FieldSpecs<Item>, doc: string): TupleSpec<Item> {
  return { kind: "tuple", fields, doc };
}
