// Runs one workload for every peer, process count and slot count, repetitions interleaved: what else the machine does
// meets all peers alike.
import { installPeers } from './peers/install.mjs';
import { Missing } from './servers/missing.mjs';
import { Servers } from './servers/servers.mjs';
import { WORKLOADS } from './workloads/registry.mjs';

/**
 * `onResult` gets each result as it comes. Returns what was not measured and why, what went wrong, and a sentence on
 * each peer.
 */
export async function measure(options, onResult) {
  const { workload, reps } = options;
  const { run, n: usual, shares = false, only, least } = WORKLOADS[workload];
  const servers = new Servers({ install: options.install });
  const [missing, failed, open] = [[], [], []];
  let stop = false;
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, () => {
      stop = true;
      console.error(`\n${signal}: ending after this repetition; once more ends at once`);
    });
  }
  try {
    for (const { peer, profile } of options.peers) {
      if (only !== undefined && !only.includes(peer.name)) continue;
      try {
        if (peer.name !== 'afd') installPeers(options);
        open.push({ peer, profile, opened: await peer.open(profile, { servers }) });
      } catch (error) {
        if (!(error instanceof Missing) && error.code !== 'E_SERVER_MISSING') throw error;
        missing.push(`${peer.name} (${profile}): ${error.message}`);
      }
    }
    const all = sizes(options, WORKLOADS[workload]);
    const fewest = Math.min(...all.map((size) => size[least]));
    for (const size of all) {
      for (let rep = 1; rep <= reps; rep += 1) {
        for (const { peer, profile, opened } of open) {
          if (stop) return { missing, failed: [...failed, 'it was ended before its time'], peers: [] };
          const share = shares ? peer.profiles[profile].share : 1;
          const each = least === undefined ? 1 : size[least] / fewest;
          const n = Math.max(1, Math.round((options.n ?? usual) * share * each));
          const of = { peer: peer.name, profile, workload, ...size };
          try {
            for (const one of [await run(opened, { ...size, n, settle: options.settle })].flat())
              onResult({ ...of, ...one, rep });
          } catch (error) {
            failed.push(`${peer.name} (${profile}), ${JSON.stringify(size)}, repetition ${rep}: ${error.stack}`);
          }
        }
      }
    }
    const peers = open.map(({ peer, profile, opened }) => `${peer.name} ${profile}: ${opened.about}`);
    return { missing, failed, peers };
  } finally {
    for (const { opened } of open) await opened.close();
    await servers.stop();
  }
}

/** Every number of processes with every number of slots; nothing of both where no worker runs. */
function sizes(options, { workers, slots }) {
  if (workers === undefined) return [{}];
  const [processes, tasks] = [options.workers ?? workers, options.slots ?? slots];
  return processes.flatMap((w) => tasks.map((s) => ({ workers: w, slots: s })));
}
