// systeminformation has types for the whole only.
declare module 'systeminformation/lib/memory.js' {
  import type { Systeminformation } from 'systeminformation';

  const memory: { mem(): Promise<Systeminformation.MemData> };
  export default memory;
}
