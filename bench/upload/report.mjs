/** The table of the upload bench, with its goals. */

import { table } from "../lib/report.mjs";

const fine = (value) => value.toFixed(2);
const range = ({ median, least, most }, show = fine) =>
  least === most ? show(median) : `${show(median)} (${show(least)} to ${show(most)})`;
const verdict = (isMet) => (isMet ? "met" : "**missed**");

function row({ name, ours, peer, goodput }, { goodput: least }) {
  const isLean = ours.sent.median <= peer.sent.median;
  return [
    name,
    range({
      median: ours.ms.median / 1000,
      least: ours.ms.least / 1000,
      most: ours.ms.most / 1000,
    }),
    range({
      median: peer.ms.median / 1000,
      least: peer.ms.least / 1000,
      most: peer.ms.most / 1000,
    }),
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
