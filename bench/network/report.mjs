/** The tables of the network bench, with its goals. */

import { table } from "../lib/report.mjs";

const whole = (value) => value.toFixed(0);
const fine = (value) => value.toFixed(2);
const seconds = (ms) => (ms / 1000).toFixed(2);
const range = ({ median, least, most }, show) =>
  least === most ? show(median) : `${show(median)} (${show(least)} to ${show(most)})`;
const verdict = (isMet) => (isMet ? "met" : "**missed**");

/** To the nearest whole one: what is beyond it is computing. */
const tripsMet = ({ median }, goal) => Math.round(median) <= goal;

function tripsTable({ roundTrips, goals, delayMs }) {
  const row = ({ name, first, session }) => [
    name,
    range(first, fine),
    range(session, fine),
    name === "MQTT"
      ? ""
      : verdict(
          tripsMet(first, goals.firstRoundTrips) && tripsMet(session, goals.sessionRoundTrips),
        ),
  ];
  return [
    `### Round trips, at ${delayMs} ms and no other limit`,
    "",
    "Time ÷ round trip, less one for each TCP connection that was made; what is beyond a whole number is",
    `computing. Goals: at most ${goals.firstRoundTrips} for a first contact with its message, ${goals.sessionRoundTrips} in a running session.`,
    "",
    table(["", "first contact and message", "message in a session", "goals"], roundTrips.map(row)),
  ].join("\n");
}

function cells(found) {
  if (found.done === 0) return [`none of ${found.count}`, "–", "–"];
  const lost = found.done < found.count ? `, ${found.done} of ${found.count}` : "";
  return [
    `${range(found.ms, seconds)}${lost}`,
    whole(found.bytes.median),
    found.toFloor === undefined ? "–" : fine(found.toFloor.median),
  ];
}

function stepTable(profiles, step) {
  const row = (found) => {
    const { ours, peer } = found[step];
    const isBoth = ours.done > 0 && peer.done > 0;
    const times = isBoth ? fine(ours.ms.median / peer.ms.median) : "–";
    return [found.name, ...cells(ours), ...cells(peer), times];
  };
  return table(
    ["network", "ours, s", "bytes", "÷ floor", "MQTT, s", "bytes", "÷ floor", "our time ÷ MQTT's"],
    profiles.map(row),
  );
}

/** Each network's own bytes: what is tried in vain where WebSockets are blocked counts too. */
function goalRows({ profiles, goals }) {
  const plain = profiles.find(({ name }) => name === "none");
  const edge = profiles.find(({ name }) => name === "edge");
  const rows = [];
  const atMost = (what, value, goal, show) =>
    rows.push([what, show(value), show(goal), verdict(value <= goal)]);
  if (plain !== undefined) {
    const { first, session } = plain;
    atMost("bytes, first contact and message", first.ours.bytes.median, goals.firstBytes, whole);
    atMost("bytes, message in a session", session.ours.bytes.median, goals.sessionBytes, whole);
  }
  if (edge !== undefined) {
    const ratio = (step) => edge[step].ours.toFloor.median;
    atMost("edge, first contact: time ÷ floor", ratio("first"), goals.edgeToFloor, fine);
    atMost("edge, in a session: time ÷ floor", ratio("session"), goals.edgeToFloor, fine);
  }
  return rows;
}

function drainTable({ drains, goals, waiting, delayMs }) {
  const row = ({ kind, ms, bytes, delivered }) => [
    kind,
    range(ms, seconds),
    whole(bytes.median),
    `${delivered.least} of ${waiting}`,
    kind === "thrifty" ? "" : verdict(ms.median <= goals.drainMs && delivered.least === waiting),
  ];
  return [
    `### ${waiting} envelopes that wait, from the start of the reader's client, at ${delayMs} ms`,
    "",
    table(
      ["", "s", "bytes", "delivered", `goal: at most ${seconds(goals.drainMs)} s`],
      drains.map(row),
    ),
  ].join("\n");
}

function stallTable({ stalls, texts, stallMs }) {
  const told = ({ delivered, ms }) =>
    delivered === texts
      ? `all ${texts} in ${seconds(ms)} s`
      : `${delivered} of ${texts} in ${seconds(stallMs)} s`;
  return [
    `### ${texts} texts to a reader on a line that stalls`,
    "",
    table(
      ["network", "ours", "MQTT", "goal: all delivered"],
      stalls.map(({ name, ours, peer }) => [
        name,
        told(ours),
        told(peer),
        verdict(ours.delivered === texts),
      ]),
    ),
  ].join("\n");
}

export function networkReport(bench) {
  return [
    "## Messages over bad networks",
    "",
    `A text of 280 characters (560 bytes), from the writer's \`send\` to the relay's receipt, beside MQTT 5 QoS 1 over`,
    `WebSocket to PUBACK. Median of ${bench.rounds} rounds (least to most), three messages to a session. Bytes are TCP payload`,
    "up and down on the writer's sender channel. The floor is bytes ÷ rate and the round trips of the goal,",
    "with TCP's own.",
    "",
    tripsTable(bench),
    "",
    "### First contact and message",
    "",
    stepTable(bench.profiles, "first"),
    "",
    "### Message in a running session",
    "",
    stepTable(bench.profiles, "session"),
    "",
    table(["goal", "measured", "at most", ""], goalRows(bench)),
    "",
    drainTable(bench),
    "",
    stallTable(bench),
  ].join("\n");
}
