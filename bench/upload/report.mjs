/** The table of the upload bench, with its goals. */

import { table } from "../lib/report.mjs";

const fine = (value) => value.toFixed(2);
const range = ({ median, least, most }, show = fine) =>
  least === most ? show(median) : `${show(median)} (${show(least)} to ${show(most)})`;
const verdict = (isMet) => (isMet ? "met" : "**missed**");

const seconds = ({ median, least, most }) =>
  range({ median: median / 1000, least: least / 1000, most: most / 1000 });
const none = ({ count }) => `none of ${count}`;

function row({ name, ours, peer, goodput }, { goodput: least }) {
  if (ours.done === 0 || peer.done === 0) {
    const told = (found, show) => (found.done === 0 ? none(found) : show(found));
    const times = [ours, peer].map((found) => told(found, ({ ms }) => seconds(ms)));
    const sent = [ours, peer].map((found) => told(found, ({ sent }) => range(sent)));
    return [name, ...times, "–", ...sent, "–"];
  }
  const isLean = ours.sent.median <= peer.sent.median;
  return [
    name,
    seconds(ours.ms),
    seconds(peer.ms),
    `${range(goodput)}: ${verdict(Number(fine(goodput.median)) >= least)}`,
    range(ours.sent),
    `${range(peer.sent)}: ${verdict(isLean)}`,
    `${ours.connections.median} / ${peer.connections.median}`,
  ];
}

export function uploadReport({ bytes, goals, profiles }) {
  return [
    `## A clip of ${bytes / 1e6} MB`,
    "",
    "From the call until the server has said that it has everything, beside tus-js-client with @tus/server. *Sent* is what the",
    "phone put on the line ÷ the clip's size: what was lost on its way, heads, padding and seals are in it.",
    "",
    table(
      [
        "network",
        "ours, s",
        "tus, s",
        `our goodput ÷ tus's (goal ${goals.goodput})`,
        "ours sent",
        "tus sent (goal: ours no more)",
        "connections",
      ],
      profiles.map((profile) => row(profile, goals)),
    ),
  ].join("\n");
}
