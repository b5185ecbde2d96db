/** A node:test reporter that writes how many tests passed, failed and were skipped, as one JSON object.
 *  A default export, because node:test loads a reporter by it. */

export default async function* countReporter(source) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for await (const event of source) {
    const isResult = event.type === "test:pass" || event.type === "test:fail";
    if (!isResult || event.data.details?.type === "suite") continue;
    if (event.data.skip !== undefined && event.data.skip !== false) counts.skipped += 1;
    else if (event.type === "test:pass") counts.passed += 1;
    else counts.failed += 1;
  }
  yield JSON.stringify(counts);
}
