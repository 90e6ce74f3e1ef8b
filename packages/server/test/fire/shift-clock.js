// Preloaded into a process whose clock is to be wrong: `Date` tells the time SHIFT_HOURS from now.
const { now } = Date;
const shiftMs = Number(process.env.SHIFT_HOURS) * 3_600_000;

globalThis.Date = class extends Date {
  constructor(...given) {
    if (given.length === 0) super(now() + shiftMs);
    else super(...given);
  }

  static now() {
    return now() + shiftMs;
  }
};
