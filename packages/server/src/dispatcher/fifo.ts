/** The most taken items at the front of the array before the rest is moved. */
const takenMax = 1_024;

/** A first-in, first-out queue with constant cost: an array's `shift` moves all later items. */
export class Fifo<T> {
  #items: (T | undefined)[] = [];
  #taken = 0;

  get length(): number {
    return this.#items.length - this.#taken;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** Takes the oldest; undefined when there is none. */
  shift(): T | undefined {
    const item = this.#items[this.#taken];
    if (this.#taken === this.#items.length) return undefined;
    this.#items[this.#taken++] = undefined;
    // On average each taken item causes at most one move.
    if (
      this.#taken === this.#items.length ||
      (this.#taken >= takenMax && this.#taken > this.length)
    ) {
      this.#items = this.#items.slice(this.#taken);
      this.#taken = 0;
    }
    return item;
  }

  /** Takes all of them, oldest first. */
  drain(): T[] {
    const items = this.#items.slice(this.#taken) as T[];
    this.#items = [];
    this.#taken = 0;
    return items;
  }
}
