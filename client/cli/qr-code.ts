/** A card as a QR code: in the terminal in half blocks, or as a PNG file. */

import { writeFile } from "node:fs/promises";
import { TumarError } from "../../shared/crypto/errors.ts";

/** Error correction L: a screen is not damaged, and the fewer modules, the nearer an 80-column terminal. */
const OPTIONS = { errorCorrectionLevel: "L" } as const;
const QUIET_ZONE = 2;
const BLACK_ON_WHITE = "\u001b[30;107m";
const RESET = "\u001b[0m";

/**
 * Two modules per character. On a screen in explicit black on white, since a scanner needs dark modules on
 * light ground whatever the terminal's colours are.
 */
export async function drawQrCode(text: string, isScreen: boolean): Promise<string> {
  const { create } = (await import("qrcode")).default;
  const { modules } = create(text, OPTIONS);
  const isDark = (row: number, column: number): boolean =>
    row >= 0 && column >= 0 && row < modules.size && column < modules.size
      ? modules.get(row, column) === 1
      : false;
  const lines: string[] = [];
  const end = modules.size + QUIET_ZONE;
  for (let row = -QUIET_ZONE; row < end; row += 2) {
    let line = "";
    for (let column = -QUIET_ZONE; column < end; column++) {
      line += halfBlocks(isDark(row, column), isDark(row + 1, column));
    }
    lines.push(isScreen ? BLACK_ON_WHITE + line + RESET : line);
  }
  return lines.join("\n");
}

/** Readable by the owner only, never over another file. @throws TumarError FILE_NOT_WRITTEN */
export async function saveQrCode(text: string, path: string): Promise<void> {
  const { toBuffer } = (await import("qrcode")).default;
  const image = await toBuffer(text, { ...OPTIONS, type: "png", scale: 8 });
  try {
    await writeFile(path, image, { flag: "wx", mode: 0o600 });
  } catch (cause) {
    throw new TumarError("FILE_NOT_WRITTEN", "the picture of the card could not be saved", {
      cause,
    });
  }
}

function halfBlocks(top: boolean, bottom: boolean): string {
  if (top) return bottom ? "█" : "▀";
  return bottom ? "▄" : " ";
}
