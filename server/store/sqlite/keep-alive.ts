/**
 * Keeps SQLite's native objects from the garbage collector until the process ends.
 *
 * From Node 24.21 on, an addon compiled on the spot aborts the process when one of its objects is
 * collected by a task of the engine, outside any script: node::ObjectWrap then asks for an
 * environment that is not there (docs/adr/0010-node-24.md). Closing frees what matters; what stays is a few empty shells.
 */

const kept = new Set<object>();

export function keepAlive<T extends object>(object: T): T {
  kept.add(object);
  return object;
}
