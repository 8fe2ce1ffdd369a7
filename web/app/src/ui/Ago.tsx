import { ago, fullTime } from "../words/time";
import { useTick } from "./useTick";

/** How long ago; the exact time on hover. */
export function Ago({ at }: { at: string }) {
  useTick();
  return (
    <time dateTime={at} title={fullTime(at)}>
      {ago(at)}
    </time>
  );
}
