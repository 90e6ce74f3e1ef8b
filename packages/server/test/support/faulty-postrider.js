// Runs the command line with one fault armed: node faulty-postrider.js '{"point":…,"fault":…}' <postrider's arguments>
import { writeSync } from "node:fs";
import { register } from "tsx/esm/api";

register();
const { armFaultPoints } = await import("../../src/fault-points.ts");
const { main } = await import("../../bin/main.ts");

const [node, script, order, ...args] = process.argv;
const { point, fault, nth = 1, deliveryId } = JSON.parse(order);
let count = 0;

armFaultPoints((reached, id) => {
  if (reached !== point || (deliveryId !== undefined && deliveryId !== id)) return;
  if (++count !== nth) return;
  writeSync(1, `reached ${point}\n`);
  // Neither leaves the process a word: killed as by a power cut, or stopped as a machine that is paused.
  if (fault === "die") process.kill(process.pid, "SIGKILL");
  if (fault === "stall") process.kill(process.pid, "SIGSTOP");
  // Whoever reads the clock finds that time goes eight times as fast; timers do not.
  if (fault === "hurry") {
    const real = performance.now.bind(performance);
    const sinceMs = real();
    performance.now = () => sinceMs + (real() - sinceMs) * 8;
  }
});
await main([node, script, ...args]);
