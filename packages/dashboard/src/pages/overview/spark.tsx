/** A line that shows the course of a number, without values. */
export function Spark({ values, token }: { values: readonly number[]; token: string }) {
  const most = Math.max(1, ...values);
  const points = values.map(
    (value, index) =>
      `${(index * 100) / Math.max(1, values.length - 1)},${29 - (value / most) * 27}`,
  );
  return (
    <svg
      viewBox="0 0 100 30"
      preserveAspectRatio="none"
      aria-hidden="true"
      className="mt-1.5 h-[30px] w-full"
    >
      {values.length > 1 && (
        <polyline
          points={points.join(" ")}
          fill="none"
          stroke={`var(--${token})`}
          strokeWidth="1.6"
          vectorEffect="non-scaling-stroke"
        />
      )}
    </svg>
  );
}
