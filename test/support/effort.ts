/** How much of it: `npm test` shows that it holds, `npm run test:long` does the same more often. */

const isLong = process.env.LONG_TESTS === "1";

export function effort(usual: number, long: number): number {
  return isLong ? long : usual;
}
