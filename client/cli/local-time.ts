/** Times as people read them: local, with the offset from UTC, so that a quoted line stays unambiguous. */

/** "2026-11-22 14:00 UTC+05:00" */
export function localTime(ms: number): string {
  const date = new Date(ms);
  const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()].map(twoDigits).join("-");
  const time = [date.getHours(), date.getMinutes()].map(twoDigits).join(":");
  return `${day} ${time} ${utcOffset(-date.getTimezoneOffset())}`;
}

/** `minutes` is east of Greenwich. */
export function utcOffset(minutes: number): string {
  const size = Math.abs(minutes);
  const sign = minutes < 0 ? "-" : "+";
  return `UTC${sign}${twoDigits(Math.floor(size / 60))}:${twoDigits(size % 60)}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}
