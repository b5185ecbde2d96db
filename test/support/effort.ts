/** How much of it: `npm test` shows that it holds, `npm run test:long` does the same more often. */

const { LONG_TESTS } = process.env;

export function effort(usual: number, long: number): number {
  return LONG_TESTS === "1" ? long : usual;
}
