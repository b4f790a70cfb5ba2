/** The proxy against other reverse proxies with 10,000 regular expressions as routes, of which the last one is asked for. */
import { alternate, type Figure, measured, median, ratios, type Result, type Settings } from "../figure.ts";
import { saturate } from "../runtime/load.ts";
import { peers, startPeer } from "../runtime/peers.ts";
import { isInstalled, stop } from "../runtime/process.ts";
import { upstream, upstreamPort } from "../runtime/upstream.ts";
import { startProxy } from "../runtime/workerd.ts";
import { expressionOf, type Shape, snapshotOf, targetsOf } from "../snapshots.ts";

type PeerName = keyof typeof peers;

const names = Object.keys(peers) as PeerName[];
const figureOf = (name: PeerName): Figure => ({
  name: `10,000 regex routes, last one hit ÷ ${name}`,
  key: name,
  bound: "at least",
  must: 3,
  aim: 10,
  unit: "×",
});

export const figures = names.map(figureOf);

const shape: Shape = { rules: 10_000, endpoints: 10, kind: "regex", port: upstreamPort, samplingRatio: 0 };
const connections = 16;

export async function measurePeers({ rounds, seconds, progress }: Settings): Promise<Result[]> {
  const expressions = Array.from({ length: shape.rules }, (_, place) => expressionOf(place));
  const targets = targetsOf(shape, [shape.rules - 1]);
  const proxy = await startProxy({ snapshot: snapshotOf(shape) });
  const results: Result[] = [];
  for (const name of names) {
    const peer = peers[name];
    if (!(await isInstalled(peer.program))) {
      results.push({ figure: figureOf(name), skipped: `${name} is not installed (apt-get install ${name})` });
      continue;
    }
    progress(`10,000 regular expressions in ${name}`);
    const child = await startPeer(peer, expressions, upstream.replace("http://", ""));
    const rate = async (origin: string): Promise<number> => (await saturate({ origin, connections, seconds, targets })).requestsPerSecond;
    const rates = await alternate(rounds, { ours: () => rate(proxy.origin), theirs: () => rate(`http://127.0.0.1:${peer.port}`) });
    await stop(child);
    const detail = `${Math.round(median(rates.ours))}/s ÷ ${Math.round(median(rates.theirs))}/s`;
    results.push(measured(figureOf(name), ratios(rates.ours, rates.theirs), detail));
  }
  await proxy.stop();
  return results;
}
