/** A lane through the bare forwarder: the acknowledgement goes the same way back to the sender. */

import { once } from "node:events";
import WebSocket from "ws";
import { dueMsOf, EachTurn, newEnvelope } from "./lane.mjs";

/** As many bytes as an envelope id. */
const ID_BYTES = 24;

async function connect(address, path) {
  const socket = new WebSocket(`${address}${path}`, { perMessageDeflate: false });
  await once(socket, "open");
  return socket;
}

export async function forwarderLane(address, number) {
  const sender = await connect(address, `/sender/${number}`);
  const receiver = await connect(address, `/receiver/${number}`);
  const envelopes = new EachTurn((items) => {
    for (const envelope of items) sender.send(envelope);
  });
  const acknowledgements = new EachTurn((ids) => receiver.send(Buffer.concat(ids)));
  const lane = {
    onDelivered: () => undefined,
    onDone: () => undefined,
    send: (dueMs) => envelopes.add(newEnvelope(dueMs)),
    close: () => {
      sender.terminate();
      receiver.terminate();
    },
  };
  receiver.on("message", (data) => {
    lane.onDelivered(dueMsOf(data));
    acknowledgements.add(data.subarray(0, ID_BYTES));
  });
  sender.on("message", (data) => lane.onDone(data.length / ID_BYTES));
  return lane;
}
