/**
 * X.509 certificates for tests, made on the spot: authorities, and certificates signed by one or by
 * themselves. DER is written by hand (RFC 5280), for P-256 keys and ECDSA with SHA-256.
 */

import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

export interface Certificate {
  readonly name: string;
  /** PEM of the certificate, and of those above it but the one that signed itself. */
  readonly cert: string;
  /** PKCS #8 PEM. */
  readonly key: string;
  readonly privateKey: KeyObject;
  readonly isSelfSigned: boolean;
}

export interface CertificateOptions {
  readonly name: string;
  /** May sign others. */
  readonly isAuthority?: boolean;
  /** Signed by itself when absent. */
  readonly issuer?: Certificate;
  /** Bytes more, as those of public authorities have. */
  readonly fillerBytes?: number;
}

const DAY_MS = 86_400_000;
const TAGS = { integer: 2, bits: 3, octets: 4, oid: 6, utf8: 12, time: 24, seq: 48, set: 49 };
const ECDSA_SHA256 = der(TAGS.seq, oid("2a8648ce3d040302"));

export function makeCertificate(options: CertificateOptions): Certificate {
  const { name, issuer } = options;
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const body = der(
    TAGS.seq,
    der(0xa0, der(TAGS.integer, Buffer.of(2))),
    der(TAGS.integer, Buffer.concat([Buffer.of(1), randomBytes(15)])),
    ECDSA_SHA256,
    distinguishedName(issuer?.name ?? name),
    der(TAGS.seq, time(Date.now() - DAY_MS), time(Date.now() + DAY_MS)),
    distinguishedName(name),
    publicKey.export({ format: "der", type: "spki" }),
    der(0xa3, der(TAGS.seq, ...extensions(options))),
  );
  const signature = sign("sha256", body, issuer?.privateKey ?? privateKey);
  const whole = der(TAGS.seq, body, ECDSA_SHA256, der(TAGS.bits, Buffer.of(0), signature));
  const above = issuer === undefined || issuer.isSelfSigned ? "" : issuer.cert;
  return {
    name,
    cert: pem(whole) + above,
    key: privateKey.export({ format: "pem", type: "pkcs8" }).toString(),
    privateKey,
    isSelfSigned: issuer === undefined,
  };
}

function extensions({ name, isAuthority = false, fillerBytes = 0 }: CertificateOptions): Buffer[] {
  const basic = isAuthority ? der(TAGS.seq, der(1, Buffer.of(0xff))) : der(TAGS.seq);
  const all = [extension("551d13", basic)];
  if (!isAuthority) all.push(extension("551d11", der(TAGS.seq, alternativeName(name))));
  // Where public authorities put what transparency logs signed.
  if (fillerBytes > 0) {
    all.push(extension("2b06010401d679020402", der(TAGS.octets, randomBytes(fillerBytes))));
  }
  return all;
}

function alternativeName(name: string): Buffer {
  const isAddress = /^\d+(?:\.\d+){3}$/.test(name);
  return isAddress ? der(0x87, Buffer.from(name.split(".").map(Number))) : der(0x82, text(name));
}

function extension(id: string, value: Buffer): Buffer {
  return der(TAGS.seq, oid(id), der(TAGS.octets, value));
}

function distinguishedName(name: string): Buffer {
  return der(TAGS.seq, der(TAGS.set, der(TAGS.seq, oid("550403"), der(TAGS.utf8, text(name)))));
}

/** Generalised time: `20260102030405Z`. */
function time(ms: number): Buffer {
  return der(TAGS.time, text(`${new Date(ms).toISOString().replace(/[-:T]|\..*$/g, "")}Z`));
}

function oid(hex: string): Buffer {
  return der(TAGS.oid, Buffer.from(hex, "hex"));
}

function text(value: string): Buffer {
  return Buffer.from(value, "utf8");
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(tag), derLength(body.length), body]);
}

function derLength(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length);
  if (length < 0x100) return Buffer.of(0x81, length);
  return Buffer.of(0x82, length >> 8, length & 0xff);
}

function pem(bytes: Buffer): string {
  const lines = bytes.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}
