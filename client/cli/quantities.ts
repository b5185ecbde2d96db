/**
 * Sizes, rates and times as people say them. Decimal units: what file managers and data plans count in.
 * Machines get bytes and milliseconds (json-shapes.ts).
 */

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"] as const;

const MINUTE_S = 60;
const HOUR_S = 60 * MINUTE_S;
const DAY_S = 24 * HOUR_S;

/** Two or three digits: "820 B", "1.5 kB", "20 MB". */
export function sizeText(bytes: number): string {
  if (bytes < 1000) return `${Math.max(0, Math.floor(bytes))} B`;
  let value = bytes;
  for (const unit of UNITS) {
    if (value < 9.95) return `${value.toFixed(1)} ${unit}`;
    if (value < 999.5) return `${Math.round(value)} ${unit}`;
    value /= 1000;
  }
  return `${Math.round(value * 1000)} PB`;
}

export function rateText(bytesPerSecond: number): string {
  return `${sizeText(bytesPerSecond)}/s`;
}

/** "12 s", "3 min", "2 h 10 min", "3 days"; rounded up, so that it is not "0 s" while something is left. */
export function durationText(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  if (seconds < MINUTE_S) return `${seconds} s`;
  const minutes = Math.ceil(seconds / MINUTE_S);
  if (minutes < 60) return `${minutes} min`;
  if (seconds > 2 * DAY_S) return `${Math.ceil(seconds / DAY_S)} days`;
  const hours = Math.floor(minutes / 60);
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
}

/** A place in a recording: "0:41", "1:02:03". */
export function positionText(ms: number): string {
  const { hours, minutes, seconds } = positionOf(ms);
  const tail = `:${twoDigits(seconds)}`;
  return hours === 0 ? `${minutes}${tail}` : `${hours}:${twoDigits(minutes)}${tail}`;
}

/** The same for the name of a file, which takes no colon everywhere: "0m41s", "1h02m03s". */
export function positionMark(ms: number): string {
  const { hours, minutes, seconds } = positionOf(ms);
  const tail = `m${twoDigits(seconds)}s`;
  return hours === 0 ? `${minutes}${tail}` : `${hours}h${twoDigits(minutes)}${tail}`;
}

function positionOf(ms: number): { hours: number; minutes: number; seconds: number } {
  const total = Math.max(0, Math.floor(ms / 1000));
  return {
    hours: Math.floor(total / HOUR_S),
    minutes: Math.floor((total % HOUR_S) / MINUTE_S),
    seconds: total % MINUTE_S,
  };
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}
