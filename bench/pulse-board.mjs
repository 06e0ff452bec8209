// What the pulse board costs an attempt: a place taken, the generation read, the handler called, the end marked, the place
// freed. Processor time of this process, so that it may be measured on a busy machine.
//   node bench/pulse-board.mjs
import { PulseBoard } from '../dist/core/node/pulse-board.js';

const ATTEMPTS = 5_000_000;
const board = new PulseBoard(10);
let seen = 0;

function attempts(n) {
  for (let id = 1; id <= n; id += 1) {
    const place = board.begin(id, 1, 0, id);
    seen += board.generation;
    board.call(place);
    board.call(-1);
    board.ended(place);
    board.release(place);
  }
}

attempts(100_000);
const runs = [];
for (let run = 0; run < 5; run += 1) {
  const start = process.cpuUsage();
  attempts(ATTEMPTS);
  runs.push((process.cpuUsage(start).user * 1000) / ATTEMPTS);
}
runs.sort((a, b) => a - b);
console.log(`${runs[2].toFixed(1)} ns per attempt (${runs[0].toFixed(1)}–${runs[4].toFixed(1)}), generation ${seen}`);
