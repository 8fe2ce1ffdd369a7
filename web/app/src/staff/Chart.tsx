import { digits } from "../words/time";

interface Props {
  /** Oldest first. */
  values: number[];
  /** What it shows, in words: who doesn't see the line hears this. */
  label: string;
  className?: string;
}

const [wide, high] = [240, 64];
const fewest = 20; // values over the whole width: a line that has just begun is no sliver

/** A line over the last minutes, from nothing to its highest, as an image with one sentence. */
export function Chart({ values, label, className = "" }: Props) {
  const top = Math.max(4, ...values) * 1.15;
  const step = wide / (Math.max(fewest, values.length) - 1);
  const x = (i: number) => wide - (values.length - 1 - i) * step;
  const y = (v: number) => high - (v / top) * high;
  const line = values.map((v, i) => `${i ? "L" : "M"}${x(i).toFixed(1)} ${y(v).toFixed(1)}`).join("");
  const low = Math.min(...values);
  return (
    <svg
      viewBox={`0 0 ${wide} ${high}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={
        values.length
          ? `${label}: between ${digits(low)} and ${digits(Math.max(...values))} in the last minutes`
          : label
      }
      className={`block w-full ${className}`}
    >
      {values.length > 1 && <path d={`${line}L${wide} ${high}L${x(0)} ${high}Z`} className="fill-link-soft" />}
      <path d={`M0 ${high - 0.5}H${wide}`} className="stroke-line" vectorEffect="non-scaling-stroke" />
      {values.length > 1 && (
        <path
          d={line}
          fill="none"
          className="stroke-link"
          strokeWidth="1.75"
          strokeLinejoin="round"
          vectorEffect="non-scaling-stroke"
        />
      )}
    </svg>
  );
}

/** How many values a line has room for: five minutes, every three seconds. */
export const slots = 100;
