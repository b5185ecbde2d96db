/** What no protocol beats that sends these bytes with so many round trips: bytes ÷ rate + round trips. */

/** TCP's own handshake. */
const SET_UPS = 1;

export function floorMs({ rate, rttMs }, { upBytes, downBytes }, roundTrips, isFirst) {
  const onTheLineMs =
    rate === undefined ? 0 : (upBytes * 8) / rate.upKbps + (downBytes * 8) / rate.downKbps;
  return onTheLineMs + rttMs * (roundTrips + (isFirst ? SET_UPS : 0));
}
