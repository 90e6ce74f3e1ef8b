/** Values of a metric's labels, in the order of its label names. Few and bounded: never a URL, a name or a payload. */
export type LabelValues = readonly (string | number)[];

/** One value of a metric that is read at the time of printing. */
export type Reading = { labels: LabelValues; value: number };

export type Counter = { add(amount?: number, labels?: LabelValues): void };
export type Gauge = { set(value: number, labels?: LabelValues): void };
export type Histogram = { observe(value: number, labels?: LabelValues): void };

type Description = { name: string; help: string; labels?: readonly string[] };

/** Called whenever the metrics are printed: gives one value, or one for each set of labels; undefined: unknown. */
type Read = { read?: () => number | undefined | readonly Reading[] };

/** Makes metrics and prints them in the Prometheus text format (version 0.0.4). */
export type Metrics = {
  /** Makes a counter, which only grows. The same name again returns the same counter. */
  counter(description: Description & Read): Counter;
  /** Makes a gauge. */
  gauge(description: Description & Read): Gauge;
  /** Makes a histogram with these upper bounds, in growing order and in the unit at the end of its name. */
  histogram(description: Description & { buckets: readonly number[] }): Histogram;
  print(): string;
  /** Describes all metrics, with or without values. */
  describe(): MetricDescription[];
};

/** A metric as docs/metrics.md describes it. */
export type MetricDescription = {
  name: string;
  type: "counter" | "gauge" | "histogram";
  help: string;
  labels: readonly string[];
};

type Metric = {
  print(): string[];
  description: MetricDescription;
  handle: Counter & Gauge & Histogram;
};

/** Opens an empty set of metrics. */
export function openMetrics(): Metrics {
  const metrics = new Map<string, Metric>();
  const once = (name: string, make: () => Metric): Counter & Gauge & Histogram => {
    const existing = metrics.get(name) ?? make();
    metrics.set(name, existing);
    return existing.handle;
  };
  return {
    counter: (description) => once(description.name, () => plainMetric("counter", description)),
    gauge: (description) => once(description.name, () => plainMetric("gauge", description)),
    histogram: (description) => once(description.name, () => histogramMetric(description)),
    print: () =>
      [...metrics.values()]
        .flatMap((metric) => metric.print())
        .map((line) => `${line}\n`)
        .join(""),
    describe: () => [...metrics.values()].map(({ description }) => description),
  };
}

const described = (
  type: MetricDescription["type"],
  { name, help, labels = [] }: Description,
): MetricDescription => ({ name, type, help, labels });

function plainMetric(type: "counter" | "gauge", description: Description & Read): Metric {
  const { name, read } = description;
  const values = new Map<string, number>();
  // A metric without labels is printed from the start, because a graph needs the zero.
  if (!description.labels) values.set("", 0);
  const add = (value: number, labels: LabelValues, sofar: number) =>
    values.set(labelText(description, labels), sofar + value);
  return {
    description: described(type, description),
    handle: {
      add(amount = 1, labels = []) {
        add(amount, labels, values.get(labelText(description, labels)) ?? 0);
      },
      set(value, labels = []) {
        add(value, labels, 0);
      },
      observe() {
        throw new Error(`${name} is no histogram`);
      },
    },
    print() {
      if (read) {
        values.clear();
        for (const { labels, value } of readingsOf(read())) add(value, labels, 0);
      }
      const lines = [...values].map(([labels, value]) => `${name}${labels} ${value}`);
      return [...head(type, description), ...lines];
    },
  };
}

function readingsOf(read: number | undefined | readonly Reading[]): readonly Reading[] {
  if (read === undefined) return [];
  return typeof read === "number" ? [{ labels: [], value: read }] : read;
}

function histogramMetric(description: Description & { buckets: readonly number[] }): Metric {
  const { name, buckets } = description;
  const series = new Map<string, { labels: LabelValues; counts: number[]; sum: number }>();
  const unlabelled = () => {
    throw new Error(`${name} is a histogram`);
  };
  return {
    description: described("histogram", description),
    handle: {
      add: unlabelled,
      set: unlabelled,
      observe(value, labels = []) {
        const key = labels.join("\n");
        let one = series.get(key);
        if (!one) {
          one = { labels, counts: new Array<number>(buckets.length + 1).fill(0), sum: 0 };
          series.set(key, one);
        }
        const bucket = buckets.findIndex((bound) => value <= bound);
        const index = bucket === -1 ? buckets.length : bucket;
        one.counts[index] = (one.counts[index] ?? 0) + 1;
        one.sum += value;
      },
    },
    print() {
      const lines = head("histogram", description);
      for (const { labels, counts, sum } of series.values()) {
        let count = 0;
        for (const [index, own] of counts.entries()) {
          count += own;
          const bound = String(buckets[index] ?? "+Inf");
          lines.push(`${name}_bucket${labelText(description, labels, ["le", bound])} ${count}`);
        }
        lines.push(`${name}_sum${labelText(description, labels)} ${sum}`);
        lines.push(`${name}_count${labelText(description, labels)} ${count}`);
      }
      return lines;
    },
  };
}

const head = (type: string, { name, help }: Description): string[] => [
  `# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}`,
  `# TYPE ${name} ${type}`,
];

function labelText(
  { name, labels: names = [] }: Description,
  values: LabelValues,
  more?: readonly [string, string],
): string {
  if (values.length !== names.length) throw new Error(`${name} takes ${names.length} labels`);
  const pairs = names.map((label, index) => [label, String(values[index])] as const);
  const all = more ? [...pairs, more] : pairs;
  if (all.length === 0) return "";
  return `{${all.map(([label, value]) => `${label}="${escapeLabel(value)}"`).join(",")}}`;
}

const escapeLabel = (value: string): string =>
  value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
