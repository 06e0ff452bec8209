// A simulated clock, and random numbers that are the same in every run.

export function randomFrom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export const exponential = (random, mean) => -mean * Math.log(1 - random());

/** Runs what was asked for in the order of its time; equal times in the order of asking. */
export class Clockwork {
  now = 0;
  #heap = [];
  #asked = 0;

  at(time, work) {
    const heap = this.#heap;
    const one = { time, order: this.#asked++, work };
    let n = heap.push(one) - 1;
    while (n > 0) {
      const parent = (n - 1) >> 1;
      if (!before(one, heap[parent])) break;
      heap[n] = heap[parent];
      n = parent;
    }
    heap[n] = one;
  }

  after(delay, work) {
    this.at(this.now + delay, work);
  }

  /** Until nothing is left, or `over()` says so. */
  run(over = () => false) {
    while (this.#heap.length > 0 && !over()) {
      const { time, work } = this.#pop();
      this.now = time;
      work();
    }
  }

  #pop() {
    const heap = this.#heap;
    const [top, last] = [heap[0], heap.pop()];
    if (heap.length === 0) return top;
    let n = 0;
    for (;;) {
      let child = 2 * n + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1], heap[child])) child += 1;
      if (!before(heap[child], last)) break;
      heap[n] = heap[child];
      n = child;
    }
    heap[n] = last;
    return top;
  }
}

const before = (a, b) => a.time < b.time || (a.time === b.time && a.order < b.order);
