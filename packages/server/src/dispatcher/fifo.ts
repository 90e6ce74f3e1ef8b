/** Items already taken that may lie at the front before the rest moves up. */
const takenMax = 1_024;

/** First in, first out, at the same cost however much waits: an array's `shift` moves all that is behind. */
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
    // Each item moves once at the most for every one that was taken before it.
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
